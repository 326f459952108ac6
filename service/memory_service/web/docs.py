"""The page at /docs: reads /openapi.json and shows it. One file, no asset from elsewhere, works without a network."""

from __future__ import annotations

from typing import Final

PAGE: Final = b"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Memory service</title>
<style>
  :root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 20%, transparent); }
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
  h2 { margin-top: 2rem; text-transform: capitalize; }
  details { border-top: 1px solid var(--line); padding: .4rem 0; }
  summary { cursor: pointer; font-family: ui-monospace, monospace; font-size: .9rem; }
  summary b { display: inline-block; width: 4.5rem; }
  summary span { font-family: system-ui, sans-serif; opacity: .75; margin-left: .75rem; }
  table { border-collapse: collapse; width: 100%; font-size: .9rem; }
  td { border-top: 1px solid var(--line); padding: .2rem .5rem .2rem 0; vertical-align: top; }
  pre { overflow: auto; font-size: .8rem; border: 1px solid var(--line); padding: .5rem; }
</style>
<h1>Memory service</h1>
<p>Threads of messages, their expiry, and recall by meaning. The machine-readable form of this page is
<a href="/openapi.json">openapi.json</a>.</p>
<main>Reading the description&hellip;</main>
<script>
  const make = (tag, text) => Object.assign(document.createElement(tag), {textContent: text ?? ""});
  const describe = (api, schema) => {
    const seen = new Set(), found = {};
    const walk = value => {
      if (Array.isArray(value)) value.forEach(walk);
      else if (value && typeof value === "object") {
        const name = (value.$ref ?? "").split("/").pop();
        if (name && !seen.has(name)) { seen.add(name); found[name] = api.components.schemas[name]; walk(found[name]); }
        Object.values(value).forEach(walk);
      }
    };
    walk(schema);
    return JSON.stringify(Object.keys(found).length ? {schema, ...found} : schema, null, 1);
  };
  const show = (api, path, method, operation) => {
    const details = make("details"), summary = make("summary");
    summary.append(make("b", method.toUpperCase()), path, make("span", operation.summary));
    details.append(summary);
    const table = make("table");
    for (const each of operation.parameters) {
      const row = make("tr");
      const form = each.schema.type ?? (each.schema.anyOf ?? []).map(one => one.type).join(" | ");
      row.append(make("td", each.name), make("td", each.in), make("td", form),
        make("td", each.description ?? each.schema.description));
      table.append(row);
    }
    details.append(table);
    const contents = (title, part) => {
      details.append(make("h4", title));
      for (const [type, {schema}] of Object.entries(part.content ?? {}))
        if (type !== "application/problem+json") details.append(make("p", type), make("pre", describe(api, schema)));
    };
    if (operation.requestBody) contents("Body", operation.requestBody);
    for (const [status, answer] of Object.entries(operation.responses))
      contents(status + " " + answer.description, answer);
    return details;
  };
  fetch("/openapi.json").then(answer => answer.json()).then(api => {
    const main = document.querySelector("main"), groups = {};
    main.textContent = "";
    for (const [path, methods] of Object.entries(api.paths))
      for (const [method, operation] of Object.entries(methods))
        (groups[operation.tags[0]] ??= []).push(show(api, path, method, operation));
    for (const [tag, items] of Object.entries(groups)) main.append(make("h2", tag), ...items);
  }).catch(fault => { document.querySelector("main").textContent = "This page cannot show openapi.json: " + fault; });
</script>
</html>
"""
