package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"example.com/syncd/config"
	"example.com/syncd/connectors"
	"example.com/syncd/engine"
	"example.com/syncd/serve/access"
	"example.com/syncd/serve/connect"
	"example.com/syncd/serve/console"
	"example.com/syncd/serve/tokens"
	"example.com/syncd/store"
)

// newPages are the pages for people, for whoever the doors have let in who may read.
func newPages(cfg *config.Config, e *engine.Engine, st *store.Store, rules *following, ch *changes, log *slog.Logger) (http.Handler, error) {
	data := newConsoleData(cfg, e, st, rules)
	actions := &consoleActions{consoleData: data, catalog: st.Catalog(), signals: st.Signals(), changed: ch.tell, log: log}
	flow, err := newFlow(cfg, e, ch)
	if err != nil {
		return nil, err
	}
	pages, err := console.Handler(console.Config{
		Data: data, Actions: actions, User: visitor, May: actions.mayAct, Changes: ch.follow, Connect: flow,
		Guides: func(context.Context) []console.Guide { return guides(e) },
		LogOut: "/auth/logout", Zone: time.Local, Now: e.Now, Log: log,
	})
	if err != nil {
		return nil, fmt.Errorf("make the pages: %w", err)
	}
	return access.Require(tokens.Read)(pages), nil
}

// newSignIn is the page for people who are not known yet.
func newSignIn(cfg *config.Config, log *slog.Logger) (http.Handler, error) {
	c := console.SignInConfig{Token: "/auth/token", Refused: access.Refused, Log: log}
	if cfg.Serve.Login != nil {
		c.Login = "/auth/login"
	}
	return console.SignIn(c)
}

// newFlow asks users in their browsers; nil where no address is configured at which they come back. What they grant is
// looked at as what syncd connect has brought.
func newFlow(cfg *config.Config, e *engine.Engine, ch *changes) (*connect.Flow, error) {
	if cfg.Serve.PublicURL == "" {
		return nil, nil
	}
	c := connect.Config{PublicURL: cfg.Serve.PublicURL, Now: time.Now}
	for _, conn := range e.Connections {
		if by, ok := conn.Connector.(connectors.Consenter); ok {
			c.Connections = append(c.Connections, connect.Connection{Driver: conn.Driver, Name: conn.Account, By: by})
		}
	}
	c.Changed = func(driver, name, user string) {
		e.Look(engine.Connection{Driver: driver, Account: name}.String(), user)
		ch.tell()
	}
	flow, err := connect.New(c)
	if err != nil {
		return nil, fmt.Errorf("serve.public_url: %w", err)
	}
	return flow, nil
}

// guides are the set-ups of the connections that know how they are set up.
func guides(e *engine.Engine) []console.Guide {
	var all []console.Guide
	for _, conn := range e.Connections {
		if by, ok := conn.Connector.(connectors.Guided); ok {
			all = append(all, console.Guide{Connection: conn.String(), Guide: by.Guide()})
		}
	}
	return all
}
