"""The conversations of the demo: the customer-support chat of a flow engine's documentation, and earlier ones."""

from __future__ import annotations

from typing import Any, Final

SESSION: Final = "session-2041"
VARIABLES: Final[dict[str, Any]] = {"sessionId": SESSION}

CHAT: Final = (
    ("user", "I need help with my billing"),
    ("assistant", "I'd be happy to help. Can you share your account number?"),
    ("user", "It's ACC-12345"),
    (
        "assistant",
        "Thank you. I see that the invoice of March was charged twice; one payment goes back to your card today.",
    ),
)
"""Word for word the documented multi-turn example, and one answer more."""

EARLIER: Final = {
    "session-1733": (
        ("user", "The mobile app closes by itself when I open a photo"),
        ("assistant", "Please update to version 4.2, where this is fixed"),
    ),
    "session-1870": (
        ("user", "Do you deliver to Portugal?"),
        ("assistant", "Yes, parcels to Lisbon take three working days"),
    ),
}
"""Other sessions of the same agent: what recall has to tell apart."""

NEXT_SESSION: Final = "session-2102"
QUESTION: Final = "Did we give a customer money back because he had paid two times?"
"""Asked from another session, in other words than the answer's."""
ANSWER: Final = CHAT[3][1]

GUEST: Final = "guest-7"
"""A session that is worth an hour."""
FLEETING: Final = "one-time-code-55"
"""A session that is worth two seconds."""
WINDOW: Final = "live-ticker"
"""A session that keeps its newest three messages."""
