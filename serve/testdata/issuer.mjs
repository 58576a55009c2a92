// An OpenID provider, by somebody else: oidc-provider. Who "logs in" is whom the browser's cookie "account" names.
// Arguments: the client's id, its secret, and where browsers are sent back.
import { createServer } from "node:http";
import { Provider } from "oidc-provider";

const [client_id, client_secret, redirect] = process.argv.slice(2);
const accounts = {
  ana: { email: "Ana@acme.com", email_verified: true, name: "Ana", groups: ["staff"] },
  bo: { email: "bo@partner.example", email_verified: true, groups: ["recorders"] },
  mallory: { email: "ana@acme.com", email_verified: false, groups: ["ana@acme.com"] },
};

const server = createServer();
await new Promise((done) => server.listen(0, "127.0.0.1", done));
const issuer = `http://127.0.0.1:${server.address().port}`;
const provider = new Provider(issuer, {
  clients: [{ client_id, client_secret, redirect_uris: [redirect], response_types: ["code"], grant_types: ["authorization_code"] }],
  pkce: { required: () => true },
  claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name", "groups"] },
  findAccount: (_, id) => accounts[id] && { accountId: id, claims: () => ({ sub: id, ...accounts[id] }) },
  features: { devInteractions: { enabled: false } },
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  cookies: { keys: ["made-up"] },
});

server.on("request", async (req, res) => {
  if (!req.url.startsWith("/interaction/")) {
    return provider.callback()(req, res);
  }
  const { prompt, params, session, grantId } = await provider.interactionDetails(req, res);
  if (prompt.name === "login") {
    const accountId = /(?:^|; )account=(\w+)/.exec(req.headers.cookie ?? "")?.[1];
    const answer = accountId ? { login: { accountId } } : { error: "access_denied", error_description: "nobody" };
    return provider.interactionFinished(req, res, answer, { mergeWithLastSubmission: false });
  }
  const grant = grantId ? await provider.Grant.find(grantId) : new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  grant.addOIDCScope("openid email profile");
  grant.addOIDCClaims(["email", "email_verified", "name", "groups"]);
  return provider.interactionFinished(req, res, { consent: { grantId: await grant.save() } }, { mergeWithLastSubmission: true });
});
console.log(JSON.stringify({ issuer }));
process.stdin.resume().on("end", () => process.exit());
