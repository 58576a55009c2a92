// Verifies webhooks with Standard Webhooks' own library for JavaScript.
import { readFileSync } from "node:fs";
import { Webhook } from "standardwebhooks";

const results = JSON.parse(readFileSync(process.argv[2], "utf8")).map(({ secret, body, headers }) => {
  try {
    return { event: new Webhook(secret).verify(body, headers) };
  } catch (e) {
    return { error: e.message };
  }
});
console.log(JSON.stringify(results));
