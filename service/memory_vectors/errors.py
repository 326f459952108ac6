"""Everything that a caller can be told, with the status and the wording of Qdrant 1.18.

VectorsError
├── FormatError      400  the body is not what the call takes
├── BadInput         400  well formed, but it does not fit the collection
├── BadRequest       400  a stated limit, or two fields that exclude each other
├── Unauthorized     401  no key, or another one
├── NotFound         404  no such collection, alias, point or call
├── AlreadyExists    409  the name is taken
├── TooLarge         413  the body is over the limit
├── Invalid          422  a value outside its range
└── EngineFailure    500  the engine or the disk failed
    └── EnginePanic  500  the engine met a state that it holds impossible; what it did until then is unknown
"""

from typing import ClassVar


class VectorsError(Exception):
    """A refusal with its HTTP status; `str(error)` is the text of `status.error`."""

    status: ClassVar[int] = 500
    prefix: ClassVar[str] = ""
    endpoint: str = "unknown"
    """The route that refused, for the metrics; set where the route is known."""

    def __init__(self, message: str) -> None:
        super().__init__(f"{self.prefix}{message}")


class FormatError(VectorsError):
    status = 400
    prefix = "Format error in JSON body: "


class BadInput(VectorsError):
    status = 400
    prefix = "Wrong input: "


class BadRequest(VectorsError):
    status = 400
    prefix = "Bad request: "


class Unauthorized(VectorsError):
    status = 401


class NotFound(VectorsError):
    status = 404
    prefix = "Not found: "


class AlreadyExists(VectorsError):
    status = 409
    prefix = "Wrong input: "


class TooLarge(VectorsError):
    status = 413


class Invalid(VectorsError):
    """A value outside its range; `path` names the field as in `points[3].vector`."""

    status = 422
    prefix = "Validation error in "

    def __init__(self, path: str, reason: str, *, where: str = "JSON body") -> None:
        super().__init__(f"{where}: [{path}: {reason}]")


class EngineFailure(VectorsError):
    status = 500
    prefix = "Service internal error: "


class EnginePanic(EngineFailure):
    pass
