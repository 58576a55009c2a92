package main

import (
	"example.com/syncd/connectors"
	"example.com/syncd/connectors/coordinator"
	"example.com/syncd/connectors/demo"
	"example.com/syncd/connectors/google"
	"example.com/syncd/connectors/outlook"
)

// drivers is the list of connectors: a new one is added here and nowhere else.
var drivers = []connectors.Driver{
	google.Driver,
	outlook.Driver,
	coordinator.Driver,
	demo.Driver,
}
