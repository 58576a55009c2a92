package main

import (
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/syncd/config"
)

// smallDisk mounts a disk in memory, or skips the test where one can't be had.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("a small disk can't be mounted (%v): run the test as root", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fill leaves no byte on the disk that dir is on, and returns what gives them back.
func fill(t *testing.T, dir string) (clear func()) {
	t.Helper()
	name := filepath.Join(dir, "filler")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	for size := 1 << 16; size > 0; size /= 2 {
		for err = nil; err == nil; {
			_, err = f.Write(make([]byte, size))
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
	}
	f.Close()
	return func() {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
}

// readiness is what /readyz says.
func readiness(address string) (status int, body string) {
	resp, err := http.Get(address + "/readyz")
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body) // what there is of it
	return resp.StatusCode, string(b)
}

// TestDiskFull: a daemon whose disk is full says so, lives on, and does everything when there is room again.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	disk := smallDisk(t, "24m")
	l := newLivelyTenant(rand.New(rand.NewPCG(1, 3)))
	r := newReplica(t, "syncd", filepath.Join(disk, "syncd.db"), l.Tenant)
	if err := os.Symlink(filepath.Join(disk, "schedules.jsonl"), r.file("schedules.jsonl")); err != nil {
		t.Fatal(err)
	}
	policy, err := config.LoadPolicy(r.file("policy.yaml"), names()...)
	if err != nil {
		t.Fatal(err)
	}
	settled := func() (want, got []string) {
		d := delivered(t, r)
		return l.truth(policy), d.live()
	}
	settles := func(about string) {
		t.Helper()
		if !until(time.Minute, func() bool { want, got := settled(); return cmp.Equal(want, got) }) {
			want, got := settled()
			t.Fatalf("%s (-want +got):\n%s", about, cmp.Diff(want, got))
		}
	}
	r.start()
	settles("at first")
	address := r.serving()
	for range 3 {
		clear := fill(t, disk)
		for range 20 {
			l.edit()
		}
		if !until(time.Minute, func() bool {
			status, body := readiness(address)
			return status == 503 && strings.Contains(body, "the store can't be used")
		}) {
			status, body := readiness(address)
			t.Fatalf("with a full disk it is ready: %d %s", status, body)
		}
		if !strings.Contains(r.log(0), "the store can't be used; it is tried again") || !strings.Contains(r.log(0), "full") {
			t.Error("the log does not say that the disk is full")
		}
		clear()
		settles("when there is room again")
		if !until(time.Minute, func() bool { status, _ := readiness(address); return status == 200 }) {
			t.Fatal("it is not ready although there is room again")
		}
	}
	d := delivered(t, r)
	if gaps := d.gaps(); len(gaps) > 0 {
		t.Errorf("revisions that never came: %v", gaps)
	}
	r.stop()
	t.Logf("%d deliveries, %d duplicates", d.total, d.duplicates)
}

// TestReadOnlyDisk: a daemon that can't write its store says which, and does not start.
func TestReadOnlyDisk(t *testing.T) {
	disk := smallDisk(t, "4m")
	l := newLivelyTenant(rand.New(rand.NewPCG(1, 3)))
	file := filepath.Join(disk, "syncd.db")
	r := newReplica(t, "syncd", file, l.Tenant)
	for _, before := range []string{"no store", "a store"} {
		if before == "a store" {
			r.start()
			if !until(time.Minute, func() bool { return r.serving() != "" }) {
				t.Fatal("it does not start")
			}
			r.stop()
		}
		if err := syscall.Mount("tmpfs", disk, "tmpfs", syscall.MS_REMOUNT|syscall.MS_RDONLY, "size=4m"); err != nil {
			t.Fatal(err)
		}
		out, code := refused(t, r)
		if code != exitFailed || !strings.Contains(out, file) || !strings.Contains(out, "read-only") {
			t.Errorf("%s on a read-only disk: %d %s", before, code, out)
		}
		if err := syscall.Mount("tmpfs", disk, "tmpfs", syscall.MS_REMOUNT, "size=4m"); err != nil {
			t.Fatal(err)
		}
	}
}
