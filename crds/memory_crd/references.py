"""Where a credential comes from: a key of a Secret, or `{{ env.NAME }}`. Never the credential itself.

Pure. Also the keys that a backend's `config` may hold, which is where such references are written.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Final

from memory_crd.fields import Rule, Setting, matches
from memory_crd.models import Nested
from memory_crd.scalars import Text

SECRET_NAME: Final = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"
SECRET_KEY: Final = r"^[-._a-zA-Z0-9]+$"
ENV_TEMPLATE: Final = r"^\{\{ {0,4}\.?env\.[A-Za-z_][A-Za-z0-9_]{0,127} {0,4}\}\}$"
HTTP_URL: Final = r"^https?://[^/?#@ ]+(/[^?#@ ]*)?$"
PASSWORD_IN_URL: Final = r"://[^/?#]*:[^/?#]*@"

_NAME = re.compile(r"env\.([A-Za-z_][A-Za-z0-9_]*)", re.ASCII)


@dataclass(frozen=True, slots=True)
class SecretRef:
    """A key of a Secret in the tenant's namespace."""

    name: str
    key: str


@dataclass(frozen=True, slots=True)
class EnvRef:
    """`{{ env.NAME }}`: the key NAME of the tenant's optional Secret `memory-env`."""

    name: str


def is_template(text: object) -> bool:
    """True when the text is exactly one `{{ env.NAME }}`, in either spelling (`.env.` too)."""
    return isinstance(text, str) and matches(ENV_TEMPLATE, text)


def env_ref(template: str) -> EnvRef:
    """The reference that a template makes. Raises ValueError when it is none."""
    found = _NAME.search(template)
    if found is None or not is_template(template):
        raise ValueError(f"{template!r} is not of the form {{{{ env.NAME }}}}")
    return EnvRef(found[1])


def _no_password(url: Any) -> bool:
    return re.search(PASSWORD_IN_URL, url) is None


def _http(url: Any) -> bool:
    return matches(HTTP_URL, url) or is_template(url)


_TEMPLATE_ONLY = Rule(
    cel=f"self.matches(r'{ENV_TEMPLATE}')",
    message="must be {{ env.NAME }}, read from the Secret memory-env; a literal credential is never stored here: "
    "use that or secretRef",
    holds=is_template,
)
_WITHOUT_PASSWORD = Rule(
    cel=f"!self.matches(r'{PASSWORD_IN_URL}')",
    message="must not hold user:password@; name a Secret in secretRef instead",
    holds=_no_password,
)
_NO_HTTP = "must be an http:// or https:// URL without user, password, query or fragment"
HTTP_ONLY: Final = Rule(f"self.matches(r'{HTTP_URL}')", _NO_HTTP, lambda url: matches(HTTP_URL, url))
_HTTP_OR_TEMPLATE = Rule(f"self.matches(r'{HTTP_URL}') || self.matches(r'{ENV_TEMPLATE}')", _NO_HTTP, _http)

_name = Text(253, SECRET_NAME, "the name of a Secret: lower-case letters, digits, - and .", least=1)
_key = Text(253, SECRET_KEY, "a key of a Secret: letters, digits, -, _ and .", least=1)
_credential = Text(256, rules=(_TEMPLATE_ONLY,))
_NAME_DOC = "Name of a Secret in the same namespace."
_KEY_DOC = "Key in the Secret whose value is used."
_SECRET_DOC = "The Secret that holds the credential; it may be created later than the Memory."


@dataclass(frozen=True, slots=True)
class PasswordRef:
    """A Secret key holding a password, and optionally one holding a user name."""

    name: Annotated[str, Setting("name", _name, _NAME_DOC)]
    key: Annotated[str, Setting("key", _key, _KEY_DOC)] = "password"
    username_key: Annotated[str | None, Setting("usernameKey", _key, "Key in the Secret with the user name.")] = None


@dataclass(frozen=True, slots=True)
class ApiKeyRef:
    """A Secret key holding an API key."""

    name: Annotated[str, Setting("name", _name, _NAME_DOC)]
    key: Annotated[str, Setting("key", _key, _KEY_DOC)] = "apiKey"


_SECRET_PASSWORD = Setting("secretRef", Nested(PasswordRef), _SECRET_DOC)
SECRET_API_KEY: Final = Setting("secretRef", Nested(ApiKeyRef), _SECRET_DOC)
_API_KEY = Setting("apiKey", _credential, "The API key as {{ env.NAME }}; never the key itself.")
_ONE_CREDENTIAL = Rule(
    cel="!(has(self.apiKey) && has(self.secretRef))",
    message="apiKey and secretRef exclude each other: keep one",
    holds=lambda config: not ("apiKey" in config and "secretRef" in config),
)


@dataclass(frozen=True, slots=True)
class StorageConfig:
    """The keys of `storage.config` that are checked wherever they appear."""

    url: Annotated[str | None, Setting("url", Text(1024, rules=(_WITHOUT_PASSWORD,)), "URL of an external Redis.")] = (
        None
    )
    token: Annotated[str | None, Setting("token", _credential, "The password as {{ env.NAME }}.")] = None
    secret_ref: Annotated[PasswordRef | None, _SECRET_PASSWORD] = None


@dataclass(frozen=True, slots=True)
class VectorConfig:
    """The keys of `vector.config` that are checked wherever they appear."""

    RULES: ClassVar[tuple[Rule, ...]] = (_ONE_CREDENTIAL,)

    url: Annotated[str | None, Setting("url", Text(1024, rules=(_WITHOUT_PASSWORD,)), "URL of an external Qdrant.")] = (
        None
    )
    token: Annotated[str | None, Setting("token", _credential, "The API key as {{ env.NAME }}.")] = None
    api_key: Annotated[str | None, _API_KEY] = None
    secret_ref: Annotated[ApiKeyRef | None, SECRET_API_KEY] = None


_MODEL_DOC = "Name of the embedding model; text-embedding-3-small by default for openai."
_URL_DOC = "Base URL of an OpenAI-compatible endpoint, up to and including /v1; https://api.openai.com/v1 by default."


@dataclass(frozen=True, slots=True)
class EmbedderConfig:
    """The keys of `embedder.config`."""

    RULES: ClassVar[tuple[Rule, ...]] = (_ONE_CREDENTIAL,)

    model: Annotated[str | None, Setting("model", Text(128, least=1), _MODEL_DOC)] = None
    url: Annotated[str | None, Setting("url", Text(1024, rules=(_HTTP_OR_TEMPLATE,)), _URL_DOC)] = None
    api_key: Annotated[str | None, _API_KEY] = None
    secret_ref: Annotated[ApiKeyRef | None, SECRET_API_KEY] = None
