"""Human review, as far as it can be decided without asking anybody: who may do what with an item, what follows from it,
what is asked, and which exchanges are looked at. Pure: values in, values out.
"""
