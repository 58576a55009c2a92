# Reads JSON Lines of requests and answers each by a line: dkimpy (Debian's python3-dkim) signs, seals and verifies.
import base64, json, sys
import dkim

def b(s): return s.encode("latin-1")

for line in sys.stdin:
    r = json.loads(line)
    mail = base64.b64decode(r["mail"])
    names = {k.rstrip("."): v for k, v in r.get("dns", {}).items()}
    def dns(name, timeout=5):
        return b(names.get(name.decode().rstrip("."), "")) or None
    try:
        if r["op"] == "sign":
            header = dkim.sign(mail, b(r["selector"]), b(r["domain"]), b(r["key"]),
                canonicalize=tuple(b(c) for c in r["canon"].split("/")), include_headers=[b(h) for h in r["headers"]])
            out = {"mail": base64.b64encode(header + mail).decode()}
        elif r["op"] == "seal":
            lines = dkim.arc_sign(mail, b(r["selector"]), b(r["domain"]), b(r["key"]), b(r["host"]))
            out = {"mail": base64.b64encode(b"".join(lines) + mail).decode()}
        elif r["op"] == "dkim":
            out = {"ok": bool(dkim.verify(mail, dnsfunc=dns))}
        elif r["op"] == "arc":
            cv, _, _ = dkim.arc_verify(mail, dnsfunc=dns)
            out = {"ok": cv == b"pass"}
    except Exception as e:
        out = {"error": type(e).__name__ + ": " + str(e)}
    print(json.dumps(out), flush=True)
