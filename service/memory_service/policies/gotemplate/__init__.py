"""Go's text/template with the Sprig functions that keyed memories are written with. Pure: text and plain data in, text
out.

An evaluator of our own rather than the `gotpl` package (0.1.0), which comes near to Go but brings 10,800 lines and four
further distributions for what takes a fifth here, opens 211 functions that would each have to be closed (environment,
host names, key material; `repeat` allocates before its budget looks), and knows neither single-quoted strings nor
hyphenated names, which the templates of keyed memories use. Go itself is the oracle of the tests.

What differs from Go, on purpose:
- 'single quotes' are strings (in Go a rune), since layouts are written so; names may hold hyphens: `.tasks.fetch-user`;
- a path without value is an error that names it, and so is an unknown function, which lists those there are;
- numbers keep their precision (a 64-bit id stays itself, 1234567.5 is written so), and `eq 1 1.0` holds;
- `now` comes from a clock that the caller gives, in UTC, and renders as RFC 3339 unless a layout is given;
- strings are cut between characters, not inside them; what Go prints as `%!d(string=x)` is an error;
- no templates in templates (`define`, `template`, `block`), no environment, network, randomness or key material;
- steps, nesting and output are bounded (Budget): bad input costs milliseconds and ends in TemplateError, never else.
"""

from memory_service.policies.gotemplate.budget import Budget
from memory_service.policies.gotemplate.faults import TemplateError, TooCostly
from memory_service.policies.gotemplate.rendering import Rendered, is_template, render, render_tree, written

__all__ = ["Budget", "Rendered", "TemplateError", "TooCostly", "is_template", "render", "render_tree", "written"]
