"""Masking of secrets and personal data on the way to the disk.

Why not all of it comes from a library (measured on the five example texts and on prose, two cores,
Python 3.11):

- ``phonenumbers`` 9.0 is used: maintained port of libphonenumber, no dependencies, 15 ms to import
  (done at the first candidate only). Its own matcher runs at 10–17 MB/s and takes a bare seed such
  as 2024561234 for a US number, so it judges candidates that already look like a phone number.
- ``detect-secrets`` 1.5.0 (2024) is not: its regex plug-ins alone run at 2 MB/s (0.13 MB/s with the
  default set), they miss current OpenAI, Anthropic, Google and Hugging Face keys and fine-grained
  GitHub tokens, report ``ghp`` or the BEGIN line instead of the whole secret, give no offsets, and
  the entropy plug-ins mark ordinary words of prose. It also brings requests and PyYAML.
- ``python-stdnum`` 2.2 is not: of it only the Luhn sum (three lines) would serve, for 27 ms of
  import; it does not know card issuers, lengths or groupings.
- IP addresses are judged by the standard library's ``ipaddress``.

Clean prose passes at about 230 MB/s, text seen before at 1,400 MB/s, a picture as a data URL at
1,200 MB/s; JSON full of numbers at 9 MB/s the first time. In the five example texts nothing is
masked.

Known limits: a secret split over several strings, numbers kept as numbers
(also in JSON source, which must stay valid), seven-digit local phone numbers without a word such as
"phone" before them, digits of other scripts,
base64 longer than 255 characters without a known prefix, and secrets that look like nothing
("the password is swordfish") are not found. Four small numbers with dots count as an IP address
unless "version" or "v" stands before them.
"""

from __future__ import annotations

from understudy.session.masking.headers import (
    CREDENTIAL_HEADERS,
    is_credential_header,
    without_credentials,
)
from understudy.session.masking.images import mask_image
from understudy.session.masking.kinds import KINDS, TOO_DEEP, Finding
from understudy.session.masking.masker import MAX_DEPTH, Masker

__all__ = [
    "CREDENTIAL_HEADERS",
    "KINDS",
    "MAX_DEPTH",
    "TOO_DEEP",
    "Finding",
    "Masker",
    "is_credential_header",
    "mask_image",
    "without_credentials",
]
