"""`make demo`: the main job from nothing, told step by step; `make down` takes all of it away.

The part outside prepares a cluster and images; the part inside runs where kubectl, helm and the pods' network are
(`python -m e2e.cluster exec`), and does only what a user would do: helm, kubectl, HTTP.
"""
