//go:build unix

package main

import (
	"bytes"
	"context"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/syncd/internal/postgrestest"
)

// refused runs a daemon in this process that should not start, and is what it says.
func refused(t *testing.T, r *replica) (said string, code int) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	var out bytes.Buffer
	code = run(ctx, []string{"run", "--config", r.file("syncd.yaml")}, streams{nil, &out, &out})
	if ctx.Err() != nil {
		t.Errorf("it started, or took too long to say that it does not:\n%s", &out)
	}
	return out.String(), code
}

// TestSecondDaemon: a second daemon on an SQLite file is refused, and the first one goes on. When it has been killed,
// another one may take over.
func TestSecondDaemon(t *testing.T) {
	l := newLivelyTenant(rand.New(rand.NewPCG(1, 3)))
	file := filepath.Join(t.TempDir(), "syncd.db")
	one, two := newReplica(t, "one", file, l.Tenant), newReplica(t, "two", file, l.Tenant)
	for range 2 {
		one.start()
		if !until(time.Minute, func() bool { return one.serving() != "" }) {
			t.Fatal("it does not start")
		}
		if said, code := refused(t, two); code != exitFailed || !strings.Contains(said, "another syncd is working on it") || !strings.Contains(said, file) {
			t.Errorf("%d %s", code, said)
		}
		if how := one.kill(); how != "" {
			t.Errorf("the first one has ended: %s", how)
		}
	}
}

// TestUnreachablePostgres: what is wrong is said shortly, without a password.
func TestUnreachablePostgres(t *testing.T) {
	const password = "correct-horse"
	t.Setenv("PGPASSWORD", password)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := closed.Addr().String()
	closed.Close()
	passfile := filepath.Join(t.TempDir(), "pgpass")
	if err := os.WriteFile(passfile, []byte("*:*:*:*:"+password+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	l := newLivelyTenant(rand.New(rand.NewPCG(1, 3)))
	for _, url := range []string{"postgres://syncd@" + nobody + "/syncd", "postgres://syncd@" + nobody + "/syncd?passfile=" + passfile, "postgres://syncd@127.0.0.1:nowhere/syncd"} {
		said, code := refused(t, newReplica(t, "syncd", `"`+url+`"`, l.Tenant))
		if code == exitOK || strings.Contains(said, password) || !strings.Contains(said, "store") || strings.Count(said, "\n") > 3 {
			t.Errorf("%s: %d %s", url, code, said)
		}
		t.Log(said)
	}
}

// TestRefusingPostgres: a server that does not let the user in, or has no such database, is named as such.
func TestRefusingPostgres(t *testing.T) {
	const password = "correct-horse"
	t.Setenv("PGPASSWORD", password)
	url := postgrestest.Shared(t).Database(t)
	l := newLivelyTenant(rand.New(rand.NewPCG(1, 3)))
	for _, wrong := range []string{strings.Replace(url, "postgres@", "mallory@", 1), strings.Replace(url, "/test_", "/no_", 1)} {
		said, code := refused(t, newReplica(t, "syncd", `"`+wrong+`"`, l.Tenant))
		if code != exitFailed || strings.Contains(said, password) || !strings.Contains(said, "does not exist") {
			t.Errorf("%d %s", code, said)
		}
		t.Log(said)
	}
}
