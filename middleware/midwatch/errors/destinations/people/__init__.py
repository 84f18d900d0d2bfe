"""
People, who are told of errors and not flooded: by mail, by webhook, or by any service that Apprise knows.

The policy is one for all of them: see `midwatch.errors.notices.policy`.
"""

from .people import People
from .senders import check, is_for_people, people_to

__all__ = ["People", "check", "is_for_people", "people_to"]
