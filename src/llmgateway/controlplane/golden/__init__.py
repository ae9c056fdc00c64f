"""Golden questions: asked again and again, so that a model that answers otherwise than before is noticed."""
