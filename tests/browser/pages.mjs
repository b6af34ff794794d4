// Looks at every page as a person does: in light and dark, wide and narrow, with and without JavaScript, by keyboard alone.
//
//   node pages.mjs PACKAGES BASE PATH..
//
// PACKAGES holds playwright-core and axe-core; BASE is the address of a dashboard; the pages are those of PATH.. Prints what is
// wrong, and ends with 1 if anything is. With PICTURES set, a picture of each page is left in that directory.
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";

const [packages, base, ...paths] = process.argv.slice(2);
const require = createRequire(`${packages}/`);
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const pictures = process.env.PICTURES;
if (pictures) mkdirSync(pictures, { recursive: true });

const wrong = [];
const expect = (holds, what) => { if (!holds) wrong.push(what); };

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--font-render-hinting=none"],
});

/** A page of its own window, whose errors are what is wrong with it. */
const visit = async (options, path) => {
  const context = await browser.newContext({ bypassCSP: true, ...options });
  const page = await context.newPage();
  const where = `${path} ${JSON.stringify(options)}`;
  page.on("console", (message) => expect(message.type() !== "error", `${where}: ${message.text()}`));
  page.on("pageerror", (error) => expect(false, `${where}: ${error}`));
  page.on("request", (request) => expect(request.url().startsWith(base) || request.url().startsWith("data:"), `${where} asks ${request.url()}`));
  const answer = await page.goto(base + path, { waitUntil: "load" });
  expect(answer.ok(), `${where}: ${answer.status()}`);
  return { context, page, where };
};

const overflow = (page) => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

const name = (path, scheme, width) => `${path.replace(/[^a-z0-9]+/gi, "-").replace(/^-|-$/g, "") || "overview"}-${scheme}-${width}.png`;

for (const path of paths) {
  for (const colorScheme of ["light", "dark"]) {
    for (const width of [1280, 390]) {
      const { context, page, where } = await visit({ colorScheme, viewport: { width, height: 900 }, reducedMotion: "reduce" }, path);
      expect(await overflow(page) <= 0, `${where}: wider than the window by ${await overflow(page)} px`);
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() => axe.run(document, { resultTypes: ["violations"] }));
      for (const { id, impact, nodes } of violations.filter(({ impact }) => ["serious", "critical"].includes(impact))) {
        expect(false, `${where}: axe ${impact} ${id}: ${nodes.slice(0, 3).map(({ html }) => html.slice(0, 160)).join(" | ")}`);
      }
      if (pictures) await page.screenshot({ path: `${pictures}/${name(path, colorScheme, width)}`, fullPage: true });
      await context.close();
    }
  }
  // Twice as large is half as wide.
  const zoomed = await visit({ viewport: { width: 640, height: 450 }, deviceScaleFactor: 2 }, path);
  expect(await overflow(zoomed.page) <= 0, `${path} at 200 %: wider than the window`);
  await zoomed.context.close();

  const plain = await visit({ javaScriptEnabled: false, viewport: { width: 1280, height: 900 } }, path);
  const text = await plain.page.locator("main").innerText();
  expect(text.trim().length > 20, `${path} without JavaScript says: ${text}`);
  await plain.context.close();
}

// By keyboard, where that order is: / leads to the box, and an id to its order; the way back is the page that one came from.
if (paths.includes("/orders/stripe/ord_1012")) {
  const { context, page } = await visit({ viewport: { width: 1280, height: 900 } }, "/orders?status=paid");
  await page.keyboard.press("/");
  await page.keyboard.type("ord_1012");
  await page.keyboard.press("Enter");
  await page.waitForURL("**/orders/stripe/ord_1012");
  await page.goBack();
  expect(page.url() === `${base}/orders?status=paid`, `back led to ${page.url()}`);
  await page.keyboard.press("g");
  await page.keyboard.press("a");
  await page.waitForURL("**/attention");
  for (let pressed = 0; pressed < 12; pressed += 1) {
    await page.keyboard.press("Tab");
    const outlined = await page.evaluate(() => {
      const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement);
      return document.activeElement === document.body || (outlineStyle !== "none" && outlineWidth !== "0px");
    });
    expect(outlined, `what Tab leads to the ${pressed + 1}th time cannot be seen`);
  }
  await context.close();
}

// What somebody is typing is not overwritten by what comes meanwhile.
{
  const { context, page } = await visit({ viewport: { width: 1280, height: 900 } }, "/attention");
  await page.locator(".find input").fill("half a wo");
  await page.waitForTimeout(6000);
  expect(await page.locator(".find input").inputValue() === "half a wo", "the box was emptied");
  await context.close();
}

await browser.close();
for (const what of wrong) console.error(what);
console.log(`${paths.length} pages, ${wrong.length} faults`);
process.exit(wrong.length ? 1 : 0);
