"""Pages of the admin listener for people with a browser: functions that write HTML, two static files, no build."""
