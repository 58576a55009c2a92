package coordinator

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"example.com/syncd/connectors"
)

// A folder holds mails, each in a file of its own: *.eml, or all files in new and cur of a Maildir. What
// is in a Maildir's tmp is still being written.
type folder struct {
	files fs.FS
	name  string // as configured
}

// A file is a mail in a folder.
type file struct {
	name string
	size int64
}

// list are the folder's mails, by name.
func (f folder) list() ([]file, error) {
	top, err := fs.ReadDir(f.files, ".")
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("coordinator: folder %s does not exist; create it, or correct the setting \"folder\": %w", f.name, connectors.ErrAccess)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("coordinator: folder %s may not be read; let the daemon's user read it, or correct the setting \"folder\": %w", f.name, connectors.ErrAccess)
	case err != nil:
		return nil, fmt.Errorf("coordinator: read the folder %s: %w", f.name, err)
	}
	var all []file
	add := func(dir string, entries []fs.DirEntry, everything bool) error {
		for _, e := range entries {
			mail := everything || strings.EqualFold(path.Ext(e.Name()), ".eml")
			if !mail || e.IsDir() || strings.HasPrefix(e.Name(), ".") {
				continue
			}
			info, err := e.Info()
			if errors.Is(err, fs.ErrNotExist) {
				continue // it has just been moved from new to cur
			}
			if err != nil {
				return fmt.Errorf("coordinator: read the folder %s: %w", f.name, err)
			}
			all = append(all, file{path.Join(dir, e.Name()), info.Size()})
		}
		return nil
	}
	if err := add(".", top, false); err != nil {
		return nil, err
	}
	for _, dir := range []string{"new", "cur"} { // in this order: mails move from the one to the other
		entries, err := fs.ReadDir(f.files, dir)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("coordinator: read the folder %s/%s: %w", f.name, dir, err)
		}
		if err := add(dir, entries, true); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(all, func(a, b file) int { return strings.Compare(a.name, b.name) })
	return all, nil
}

// fingerprint is of the names and sizes of mails: a mail, once delivered, does not change.
func fingerprint(files []file) string {
	h := sha256.New()
	for _, f := range files {
		fmt.Fprintf(h, "%q %d\n", f.name, f.size)
	}
	return hex.EncodeToString(h.Sum(nil)[:12])
}

// batch is how many mails are read at a time.
const batch = 200

// fetch reads mails that nobody has read. The position is the folder's fingerprint, and while not all have been read, the
// last one that was.
func (f folder) fetch(ctx context.Context, pos string, known knower) ([]mail, string, error) {
	files, err := f.list()
	if err != nil {
		return nil, pos, err
	}
	print := fingerprint(files)
	if print == pos {
		return nil, pos, nil
	}
	if last, under := strings.CutPrefix(pos, print+" "); under {
		files = slices.DeleteFunc(files, func(f file) bool { return f.name <= last })
	}
	var mails []mail
	for chunk := range slices.Chunk(files, batch) {
		origins := make([]string, len(chunk))
		for i, file := range chunk {
			origins[i] = file.origin()
		}
		read, err := known(ctx, origins)
		if err != nil {
			return nil, pos, err
		}
		for i, file := range chunk {
			if read[origins[i]] {
				continue
			}
			m, ok, err := f.mail(file)
			if err != nil {
				return nil, pos, err
			}
			if ok {
				mails = append(mails, m)
			}
		}
		if len(mails) > 0 {
			return mails, print + " " + chunk[len(chunk)-1].name, ctx.Err() // the rest the next time
		}
	}
	return nil, print, ctx.Err()
}

// mail is the mail in the file. A folder that breaks while it is read is an error.
func (f folder) mail(file file) (m mail, ok bool, err error) {
	raw, modified, err := f.read(file)
	m = mail{origin: file.origin(), name: file.name, raw: raw, at: modified.UTC().Truncate(time.Second), stamped: true}
	switch {
	case errors.Is(err, fs.ErrNotExist): // moved or removed since the folder was listed
		return m, false, nil
	case errors.Is(err, fs.ErrPermission):
		return m, false, fmt.Errorf("coordinator: the mail %s in %s may not be read; let the daemon's user read it: %w", file.name, f.name, connectors.ErrAccess)
	case errors.Is(err, errTooLarge):
		m.problem = errTooLarge
	case err != nil:
		return m, false, fmt.Errorf("coordinator: read the mail %s in %s: %w", file.name, f.name, err)
	}
	return m, true, nil
}

// origin is what a mail is called wherever in a Maildir it is: what follows ":2," are its flags.
func (f file) origin() string {
	name, _, _ := strings.Cut(path.Base(f.name), ":2,")
	return name
}

func (f folder) read(file file) (raw []byte, modified time.Time, err error) {
	if file.size > maxMail {
		return nil, time.Time{}, errTooLarge
	}
	r, err := f.files.Open(file.name)
	if err != nil {
		return nil, time.Time{}, err
	}
	defer r.Close()
	info, err := r.Stat()
	if err != nil {
		return nil, time.Time{}, err
	}
	raw, err = io.ReadAll(io.LimitReader(r, maxMail+1))
	return raw, info.ModTime(), err
}
