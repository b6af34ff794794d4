// Makes the README's pictures: the overview and one order of a dashboard that `dev --demo` filled.
//
//   node pictures.mjs PACKAGES BASE DIRECTORY ORDER
//
// PACKAGES holds playwright-core; BASE is the address of the dashboard; ORDER is the path of the order's page.
import { createRequire } from "node:module";

const [packages, base, directory, order] = process.argv.slice(2);
const { chromium } = createRequire(`${packages}/`)("playwright-core");

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--font-render-hinting=none", "--disable-lcd-text", "--force-color-profile=srgb"],
});
const page = await browser.newPage({ viewport: { width: 1120, height: 760 }, colorScheme: "light", reducedMotion: "reduce" });
for (const [path, name] of [["/", "overview"], [order, "order"]]) {
  const answer = await page.goto(base + path, { waitUntil: "load" });
  if (!answer.ok()) throw new Error(`${path}: ${answer.status()}`);
  await page.screenshot({ path: `${directory}/${name}.png`, animations: "disabled", caret: "hide" });
}
await browser.close();
