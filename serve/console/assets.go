package console

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"path"
	"strings"
)

//go:embed assets/*.css assets/*.js assets/*.svg
var assetFiles embed.FS

// An asset is a file that never changes while its address stays.
type asset struct {
	contentType   string
	version       string // in its address
	plain, zipped []byte
}

// contentTypes are those of assets, by their names' ends.
var contentTypes = map[string]string{
	".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml",
}

func loadAssets() (map[string]asset, error) {
	entries, err := assetFiles.ReadDir("assets")
	if err != nil {
		return nil, fmt.Errorf("read the console's files: %w", err)
	}
	all := map[string]asset{}
	for _, e := range entries {
		plain, err := assetFiles.ReadFile("assets/" + e.Name())
		if err != nil {
			return nil, fmt.Errorf("read the console's files: %w", err)
		}
		var b bytes.Buffer
		z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
		if err != nil {
			return nil, fmt.Errorf("compress the console's files: %w", err)
		}
		if _, err := z.Write(plain); errors.Join(err, z.Close()) != nil {
			return nil, fmt.Errorf("compress %s: %w", e.Name(), errors.Join(err, z.Close()))
		}
		sum := sha256.Sum256(plain)
		all[e.Name()] = asset{contentTypes[path.Ext(e.Name())], hex.EncodeToString(sum[:6]), plain, b.Bytes()}
	}
	return all, nil
}

// assetPath is where a page finds an asset.
func (c *console) assetPath(name string) (string, error) {
	a, ok := c.assets[name]
	if !ok {
		return "", fmt.Errorf("there is no asset %s", name)
	}
	return Base + "/assets/" + name + "?v=" + a.version, nil
}

func (c *console) serveAsset(w http.ResponseWriter, r *http.Request) {
	a, ok := c.assets[r.PathValue("name")]
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", a.contentType)
	if r.URL.Query().Get("v") == a.version {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	w.Header().Set("Vary", "Accept-Encoding")
	body := a.plain
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		w.Header().Set("Content-Encoding", "gzip")
		body = a.zipped
	}
	if _, err := w.Write(body); err != nil {
		c.Log.Debug("an asset was not read to its end", "path", r.URL.Path, "error", err)
	}
}
