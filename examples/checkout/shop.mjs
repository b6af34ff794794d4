// A shop's side of a checkout: states what an order should cost, and ships what is settled. Needs Node 18 alone.
//
//   node shop.mjs order order-1001 2000 USD    when the customer checks out, before the redirect to the provider
//   node shop.mjs returned order-1001          when the customer comes back from it
//   node shop.mjs fulfil                       every few seconds, or when told of a change: ships what is settled, once
//
// Its database is a file, so that nothing must be installed; yours has a table of orders and a key that lets each ship once.
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";

const api = (process.env.PAYLATCH_API ?? "http://127.0.0.1:8081") + "/api/v1";
const ledger = process.env.PAYLATCH_LEDGER ?? "stripe";
const token = process.env.PAYLATCH_ADMIN_TOKEN;
const file = process.env.SHOP_DATABASE ?? "shop.json";

const shop = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : { orders: {}, shipped: [] };

function save() {
  writeFileSync(`${file}.new`, JSON.stringify(shop));
  renameSync(`${file}.new`, file);
}

async function ask(method, path, body) {
  const headers = { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }) };
  const answer = await fetch(api + path, { method, headers, body: body && JSON.stringify(body), signal: AbortSignal.timeout(10_000) });
  if (!answer.ok) throw Object.assign(new Error(await answer.text()), { status: answer.status });
  return answer.json();
}

const pathOf = (order) => `/expectations/${ledger}/${encodeURIComponent(order)}`;

// States what was not stated yet; the checkout goes on whether or not Paylatch can be reached. Stated twice, it counts once.
async function state() {
  for (const [id, order] of Object.entries(shop.orders).filter(([, order]) => !order.stated)) {
    const { amount, currency, revision } = order;
    try {
      await ask("PUT", pathOf(id), { amount, currency, revision });
    } catch (refused) {
      if (refused.status < 500) throw refused;
      continue;
    }
    order.stated = true;
    save();
  }
}

const does = {
  async order(id, amount, currency) {
    shop.orders[id] = { amount: Number(amount), currency, revision: 1, stated: false };
    save();
    await state();
  },
  async returned(id) {
    await ask("POST", `${pathOf(id)}/returned`, {});
  },
  async fulfil() {
    await state();
    const waiting = Object.entries(shop.orders).filter(([id, order]) => order.stated && !shop.shipped.includes(id));
    for (const [id] of waiting) {
      const told = await ask("GET", pathOf(id));
      // overpaid: all is there, and somebody gives back what is too much.
      if (["settled", "overpaid"].includes(told.settlement) && told.held >= told.expected.amount) {
        shop.shipped.push(id);
        save();
        console.log("shipped", id);
      }
    }
  },
};

const [action, ...rest] = process.argv.slice(2);
await does[action](...rest);
