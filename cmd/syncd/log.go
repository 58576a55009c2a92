package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"strings"

	"example.com/syncd/config"
)

// newLog is the daemon's log, as the configuration wants it.
func newLog(c config.Log, to io.Writer) *slog.Logger {
	o := &slog.HandlerOptions{}
	var level slog.Level
	if level.UnmarshalText([]byte(c.Level)) == nil {
		o.Level = level
	}
	if c.Addresses == config.LogHashed {
		o.ReplaceAttr = hashAddresses
	}
	if c.Format == config.LogJSON {
		return slog.New(slog.NewJSONHandler(to, o))
	}
	return slog.New(slog.NewTextHandler(to, o))
}

// address is a mail address, as it stands in source ids, in texts, and in the paths of requests that errors tell.
var address = regexp.MustCompile(`[^\s<>()"'/:,;=?&|@\[\]\\]+(@|%40)[\pL\pN][\pL\pN.-]*[\pL\pN]`)

// hashAddresses puts a pseudonym in the place of each address: the first digits of the SHA-256 of it in lower case. Whoever
// has an address can find its lines; whoever has the lines alone can only guess.
func hashAddresses(_ []string, a slog.Attr) slog.Attr {
	if k := a.Value.Kind(); k != slog.KindString && k != slog.KindAny {
		return a
	}
	text := fmt.Sprint(a.Value.Any())
	if hashed := address.ReplaceAllStringFunc(text, pseudonym); hashed != text {
		a.Value = slog.StringValue(hashed)
	}
	return a
}

func pseudonym(address string) string {
	sum := sha256.Sum256([]byte(strings.ToLower(strings.Replace(address, "%40", "@", 1))))
	return "sha256:" + hex.EncodeToString(sum[:6])
}
