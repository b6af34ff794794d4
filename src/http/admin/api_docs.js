// Shows /openapi.json and sends requests. Text only ever enters the page as text.
"use strict";

const METHODS = ["get", "post", "put", "delete"];
// What most people come for stands first.
const TAGS = ["orders", "events", "coupons", "metrics"];

const element = (name, properties, ...children) => {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
};

const code = (text) => element("code", {}, text);

/** The schema itself, where it is named elsewhere. */
const resolved = (api, schema = {}) => {
  const name = schema.$ref?.split("/").pop();
  const own = name ? api.components.schemas[name] : schema;
  const parts = (own.allOf ?? []).map((part) => resolved(api, part));
  return { ...own, properties: Object.assign({}, ...parts.map((part) => part.properties), own.properties) };
};

/** A schema's type in a word or two. */
const kind = (schema = {}) => {
  if (schema.$ref) return schema.$ref.split("/").pop();
  const types = [schema.type ?? "object"].flat();
  const inside = schema.items ? `array of ${kind(schema.items)}` : null;
  return types.map((type) => (type === "array" && inside ? inside : type)).join(" or ");
};

const input = ({ name, required, schema = {} }) => {
  const empty = required ? [] : [element("option", {}, "")];
  const option = (value) => element("option", {}, value);
  if (schema.enum) return element("select", { name, ariaLabel: name }, ...empty, ...schema.enum.map(option));
  if (schema.type === "boolean") return element("select", { name, ariaLabel: name }, ...empty, option("true"), option("false"));
  return element("input", { name, ariaLabel: name, required: Boolean(required), placeholder: schema.default ?? "" });
};

const parameterRow = (parameter) => {
  const { name, required, description } = parameter;
  return element("tr", {}, element("th", {}, code(name), required ? " *" : ""), element("td", {}, input(parameter)), element("td", {}, description ?? ""));
};

const fieldTable = (api, schema) =>
  element("table", {}, ...Object.entries(resolved(api, schema).properties).map(([name, field]) =>
    element("tr", {}, element("th", {}, code(name)), element("td", { className: "kind" }, kind(field)), element("td", {}, field.description ?? ""))));

/** A body to start from. */
const example = (api, schema) => {
  const { properties, required = [] } = resolved(api, schema);
  const value = ({ type }) => ([type].flat().includes("integer") ? 1 : "");
  return JSON.stringify(Object.fromEntries(required.map((name) => [name, value(properties[name])])), null, 2);
};

const responseTable = (responses) =>
  element("table", {}, ...Object.entries(responses).map(([status, { description, content = {} }]) => {
    const schema = Object.values(content)[0]?.schema;
    const shape = schema?.$ref ? kind(schema) : Object.keys(content)[0] ?? "";
    return element("tr", {}, element("th", {}, status), element("td", {}, description), element("td", { className: "kind" }, shape));
  }));

const url = (path, parameters, form) => {
  const query = new URLSearchParams();
  for (const { name, in: place } of parameters) {
    const value = form.elements.namedItem(name).value;
    if (place === "path") path = path.replace(`{${name}}`, encodeURIComponent(value));
    else if (value !== "") query.set(name, value);
  }
  return query.size ? `${path}?${query}` : path;
};

const send = async (method, target, body) => {
  const token = document.getElementById("token").value;
  const headers = token ? { authorization: `Bearer ${token}` } : {};
  if (body) headers["content-type"] = "application/json";
  const answer = await fetch(`.${target}`, { method: method.toUpperCase(), headers, body });
  const text = await answer.text();
  const isJson = (answer.headers.get("content-type") ?? "").includes("json");
  return `${answer.status} ${target}\n\n${isJson ? JSON.stringify(JSON.parse(text), null, 2) : text}`;
};

const requestForm = (api, method, path, { parameters = [], requestBody }) => {
  const sent = requestBody?.content["application/json"]?.schema;
  const form = element("form", {}, element("table", {}, ...parameters.map(parameterRow)));
  if (sent) form.append(element("h3", {}, "Body"), fieldTable(api, sent), element("textarea", { name: "body", ariaLabel: "body", rows: 5, value: example(api, sent) }));
  const output = element("pre", { hidden: true, tabIndex: 0 });
  form.append(element("button", {}, "Send"), output);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    output.hidden = false;
    try {
      output.textContent = await send(method, url(path, parameters, form), form.elements.namedItem("body")?.value);
    } catch (error) {
      output.textContent = String(error);
    }
  });
  return form;
};

const operation = (api, method, path, own) => {
  const answer = Object.entries(own.responses).find(([status]) => status.startsWith("2"))?.[1];
  const shape = Object.values(answer?.content ?? {})[0]?.schema;
  const name = element("summary", {}, element("span", { className: `method ${method}` }, method), code(path), element("span", {}, own.summary ?? ""));
  const details = element("details", {}, name, element("p", {}, own.description ?? ""), requestForm(api, method, path, own), element("h3", {}, "Answers"), responseTable(own.responses));
  if (shape?.$ref) details.append(element("h3", {}, kind(shape)), fieldTable(api, shape));
  return details;
};

const show = async () => {
  const api = await (await fetch("openapi.json")).json();
  document.getElementById("about").textContent = api.info.description;
  const all = Object.entries(api.paths).flatMap(([path, item]) =>
    METHODS.filter((method) => item[method]).map((method) => ({ method, path, own: item[method] })));
  const tag = ({ own }) => own.tags?.[0] ?? "other";
  const tags = [...new Set([...TAGS, ...all.map(tag)])];
  const sections = tags.map((name) => [name, all.filter((one) => tag(one) === name)]).filter(([, those]) => those.length);
  document.getElementById("operations").replaceChildren(...sections.flatMap(([name, those]) =>
    [element("h2", {}, name), ...those.map(({ method, path, own }) => operation(api, method, path, own))]));
};

show();
