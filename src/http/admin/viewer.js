// Shows /openapi.json and sends requests. Text only ever enters the page as text.
"use strict";

const element = (name, properties, ...children) => {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
};

const field = ({ name, required, description }) =>
  element("label", {}, `${name}${required ? " *" : ""} `, element("input", { name, title: description ?? "" }));

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
  const answer = await fetch(target, { method: method.toUpperCase(), headers, body });
  const text = await answer.text();
  const isJson = (answer.headers.get("content-type") ?? "").includes("json");
  return `${answer.status} ${target}\n\n${isJson ? JSON.stringify(JSON.parse(text), null, 2) : text}`;
};

const responses = (all) =>
  element("table", {}, ...Object.entries(all).map(([status, { description }]) =>
    element("tr", {}, element("th", {}, status), element("td", {}, description))));

const operation = (method, path, { summary, description, parameters = [], requestBody, responses: all }) => {
  const form = element("form", {}, ...parameters.map(field));
  if (requestBody) form.append(element("label", {}, "body ", element("textarea", { name: "body", rows: 6, cols: 60 })));
  const output = element("pre", { hidden: true });
  form.append(element("button", {}, "Send"));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    output.hidden = false;
    try {
      output.textContent = await send(method, url(path, parameters, form), form.elements.namedItem("body")?.value);
    } catch (error) {
      output.textContent = String(error);
    }
  });
  const name = element("summary", {}, element("span", { className: "method" }, method), element("code", {}, path), ` ${summary ?? ""}`);
  return element("details", {}, name, element("p", {}, description ?? ""), responses(all), form, output);
};

const show = async () => {
  const document_ = await (await fetch("/openapi.json")).json();
  const methods = ["get", "post", "put", "delete"];
  const operations = Object.entries(document_.paths).flatMap(([path, item]) =>
    methods.filter((method) => item[method]).map((method) => operation(method, path, item[method])));
  document.getElementById("operations").replaceChildren(...operations);
};

show();
