// Keys for the review page. Everything works without this file, by mouse and Tab.
"use strict";

const typing = (target) => target.matches("textarea, select, input:not([type=radio])");

function choose(digit) {
  // One question after the other: the first that has no answer yet, or else the last.
  const questions = [...document.querySelectorAll("fieldset.question")];
  const open = questions.find((each) => !each.querySelector("input:checked")) || questions[questions.length - 1];
  const option = open && open.querySelectorAll("input[type=radio]")[digit - 1];
  if (option) {
    option.checked = true;
    option.dispatchEvent(new Event("input", { bubbles: true }));
    option.focus();
  }
}

function unfold(id) {
  const part = document.getElementById(id);
  if (part) {
    part.open = true;
    part.querySelector("textarea, input[type=text]").focus();
  }
}

const keys = {
  s: () => unfold("skip"),
  c: () => unfold("concern"),
  n: () => { const next = document.getElementById("next"); if (next) next.requestSubmit(); },
  Enter: () => { const labels = document.getElementById("labels"); if (labels) labels.requestSubmit(); },
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.key === "Escape") { document.activeElement.blur(); return; }
  if (typing(event.target) || event.target.matches("button, a, summary")) return;
  if (event.key >= "1" && event.key <= "9") {
    choose(Number(event.key));
    event.preventDefault();
  } else if (Object.hasOwn(keys, event.key)) {
    event.preventDefault();
    keys[event.key]();
  }
});

// A lease is kept as long as the page is open and somebody is at it.
const lease = document.body.dataset.renew;
if (lease) {
  let active = true;
  for (const name of ["keydown", "pointerdown", "scroll"]) document.addEventListener(name, () => { active = true; }, { passive: true });
  setInterval(() => {
    if (!active) return;
    active = false;
    fetch(lease, { method: "POST", body: new URLSearchParams({ form: document.body.dataset.form }) });
  }, Number(document.body.dataset.every) * 1000);
}

// What was chosen and written of an item is there again when its page is: after a concern, in the other language, or when
// it was refused. It is kept in this tab alone, of one item and for whoever wrote it.
const labels = document.getElementById("labels");
if (labels) {
  const whose = [document.body.dataset.who, location.pathname].join(" ");
  const draft = JSON.parse(sessionStorage.getItem("draft") || "null");
  for (const [name, value] of draft && draft.whose === whose ? draft.fields : []) {
    const field = labels.elements.namedItem(name);
    if (!field) continue;
    field.value = value;
    const folded = value && field.closest && field.closest("details");
    if (folded) folded.open = true;
  }
  labels.addEventListener("input", () => {
    const fields = [...new FormData(labels)].filter(([name]) => name !== "form" && name !== "version");
    sessionStorage.setItem("draft", JSON.stringify({ whose, fields }));
  });
}
