// Signs and verifies with the platforms' own libraries: cases as JSON on stdin, answers as JSON on stdout.
const crypto = require("node:crypto");
const { Webhook } = require("standardwebhooks");
const retell = require("retell-sdk");

// The DER head of an ed25519 public key (RFC 8410), which Node asks for.
const SPKI = Buffer.from("302a300506032b6570032100", "hex");

async function verify({ library, secret, body, headers }) {
  switch (library) {
    case "standardwebhooks":
      new Webhook(secret).verify(body, headers, { jsonParse: false });
      return true;
    case "octokit": {
      const { verify } = await import("@octokit/webhooks-methods");
      return verify(secret, body, headers["x-hub-signature-256"]);
    }
    case "retell":
      return retell.verify(body, secret, headers["x-retell-signature"]);
    case "ed25519": {
      const der = Buffer.concat([SPKI, Buffer.from(secret.replace("whpk_", ""), "base64")]);
      const key = crypto.createPublicKey({ key: der, format: "der", type: "spki" });
      const content = `${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${body}`;
      const signature = Buffer.from(headers["webhook-signature"].replace("v1a,", ""), "base64");
      return crypto.verify(null, Buffer.from(content), key, signature);
    }
  }
  throw new Error(`no library ${library}`);
}

async function sign({ library, secret, body, id, timestamp }) {
  switch (library) {
    case "standardwebhooks":
      return {
        "webhook-id": id,
        "webhook-timestamp": `${timestamp}`,
        "webhook-signature": new Webhook(secret).sign(id, new Date(timestamp * 1000), body),
      };
    case "octokit": {
      const { sign } = await import("@octokit/webhooks-methods");
      return { "x-hub-signature-256": await sign(secret, body) };
    }
    case "retell":
      return { "x-retell-signature": await retell.sign(body, secret) };
  }
  throw new Error(`no library ${library} signs`);
}

async function answer(one) {
  if (one.do === "sign") return sign(one);
  try {
    return (await verify(one)) ? "valid" : "not valid";
  } catch (error) {
    return `${error.name}: ${error.message}`;
  }
}

(async () => {
  const cases = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
  process.stdout.write(JSON.stringify(await Promise.all(cases.map(answer))));
})();
