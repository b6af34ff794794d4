// Looks at every page as a person does: in light and dark, wide and narrow, with and without JavaScript, by keyboard alone.
//
//   node pages.mjs PACKAGES BASE PATH..
//
// PACKAGES holds playwright-core and axe-core; BASE is the address of a dashboard; the pages are those of PATH.. Prints what is
// wrong, and ends with 1 if anything is. With PICTURES set, pictures of each page are left in that directory. One browser looks at
// several pages at once, and at each in all ways after one load: a window's width and theme change without another.
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";

const [packages, base, ...paths] = process.argv.slice(2);
const require = createRequire(`${packages}/`);
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const pictures = process.env.PICTURES;
if (pictures) mkdirSync(pictures, { recursive: true });

/** Pages that are looked at at once: two questions are asked of the database at once, and who waits too long is refused. */
const WINDOWS = 2;
const WIDE = { width: 1280, height: 900 };
const NARROW = { width: 390, height: 900 };
/** Twice as large is half as wide. */
const ZOOMED = { width: 640, height: 450 };

const wrong = [];
const expect = (holds, what) => { if (!holds) wrong.push(what); };

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--font-render-hinting=none"],
});

/** A window, in which every error is what is wrong with the page that it shows. */
const open = async (options = {}) => {
  const context = await browser.newContext({ bypassCSP: true, viewport: WIDE, reducedMotion: "reduce", ...options });
  const page = await context.newPage();
  const where = () => new URL(page.url()).pathname;
  page.on("console", (message) => expect(message.type() !== "error", `${where()}: ${message.text()}`));
  page.on("pageerror", (error) => expect(false, `${where()}: ${error}`));
  page.on("request", (request) => expect(request.url().startsWith(base) || request.url().startsWith("data:"), `${where()} asks ${request.url()}`));
  return page;
};

const visit = async (page, path) => {
  const answer = await page.goto(base + path, { waitUntil: "load" });
  expect(answer.ok(), `${path}: ${answer.status()}`);
};

const fits = async (page, where) => {
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  expect(overflow <= 0, `${where}: wider than the window by ${overflow} px`);
};

const isAccessible = async (page, where) => {
  const { violations } = await page.evaluate(() => axe.run(document, { resultTypes: ["violations"] }));
  for (const { id, impact, nodes } of violations.filter(({ impact }) => ["serious", "critical"].includes(impact))) {
    expect(false, `${where}: axe ${impact} ${id}: ${nodes.slice(0, 3).map(({ html }) => html.slice(0, 160)).join(" | ")}`);
  }
};

const name = (path, scheme, width) => `${path.replace(/[^a-z0-9]+/gi, "-").replace(/^-|-$/g, "") || "overview"}-${scheme}-${width}.png`;

/** Looks at a page in both themes and at three widths, of which it is judged at two in each theme. */
const lookAt = async (page, path) => {
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize(WIDE);
  await visit(page, path);
  await page.evaluate(axe);
  for (const [colorScheme, viewport, isJudged] of [
    ["light", WIDE, true], ["light", ZOOMED, false], ["light", NARROW, true], ["dark", NARROW, true], ["dark", WIDE, true],
  ]) {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize(viewport);
    const where = `${path} in ${colorScheme} at ${viewport.width} px`;
    await fits(page, where);
    if (isJudged) await isAccessible(page, where);
    if (pictures && viewport !== ZOOMED) {
      await page.screenshot({ path: `${pictures}/${name(path, colorScheme, viewport.width)}`, fullPage: true });
    }
  }
};

const rest = [...paths];
const lookAtTheRest = async () => {
  const page = await open();
  for (let path = rest.shift(); path !== undefined; path = rest.shift()) await lookAt(page, path);
  await page.context().close();
};

const withoutJavaScript = async () => {
  const page = await open({ javaScriptEnabled: false });
  for (const path of paths) {
    await visit(page, path);
    const text = await page.locator("main").innerText();
    expect(text.trim().length > 20, `${path} without JavaScript says: ${text}`);
  }
  await page.context().close();
};

/** Where that order is: / leads to the box, and an id to its order; the way back is the page that one came from. */
const byKeyboard = async () => {
  if (!paths.includes("/orders/stripe/ord_1012")) return;
  const page = await open();
  await visit(page, "/orders?status=paid");
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
  await page.context().close();
};

/** What somebody is typing is not overwritten by what comes meanwhile. */
const typing = async () => {
  if (!paths.includes("/attention")) return;
  const page = await open();
  await visit(page, "/attention");
  await page.locator(".find input").fill("half a wo");
  await page.waitForTimeout(6000);
  expect(await page.locator(".find input").inputValue() === "half a wo", "the box was emptied");
  await page.context().close();
};

const oneByOne = async () => {
  for (const look of [withoutJavaScript, byKeyboard, typing]) await look();
};
await Promise.all([oneByOne(), ...Array.from({ length: WINDOWS }, lookAtTheRest)]);
await browser.close();
for (const what of wrong) console.error(what);
console.log(`${paths.length} pages, ${wrong.length} faults`);
process.exit(wrong.length ? 1 : 0);
