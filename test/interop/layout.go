package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// tlog-tiles leaves the height out of tlog's own path, tile/8/L/N, since it is always 8.
const sumdbPrefix = "tile/8/"

func tilePath(tile tlog.Tile) string {
	return "tile/" + strings.TrimPrefix(tile.Path(), sumdbPrefix)
}

func parseTilePath(path string) (tlog.Tile, error) {
	return tlog.ParseTilePath(sumdbPrefix + strings.TrimPrefix(path, "tile/"))
}

// Entry bundles are numbered like the tiles of one level, and called entries instead of data.
func entriesPath(number int64, width int) string {
	tile := tlog.Tile{H: tileHeight, L: 0, N: number, W: width}
	return "tile/entries/" + strings.TrimPrefix(tile.Path(), sumdbPrefix+"0/")
}

func parseEntriesPath(path string) (number int64, width int, err error) {
	tile, err := tlog.ParseTilePath(sumdbPrefix + "0/" + strings.TrimPrefix(path, "tile/entries/"))
	return tile.N, tile.W, err
}

// parseBundle returns the entries of a bundle: each its length in two bytes, then itself.
func parseBundle(data []byte, width int) ([][]byte, error) {
	entries := make([][]byte, 0, width)
	for len(data) > 0 {
		if len(data) < 2 {
			return nil, errors.New("ends within a length")
		}
		end := 2 + int(binary.BigEndian.Uint16(data))
		if len(data) < end {
			return nil, errors.New("ends within an entry")
		}
		entries = append(entries, data[2:end])
		data = data[end:]
	}
	if len(entries) != width {
		return nil, fmt.Errorf("holds %d entries, not %d", len(entries), width)
	}
	return entries, nil
}

func formatBundle(entries [][]byte) []byte {
	var data []byte
	for _, entry := range entries {
		data = append(data, byte(len(entry)>>8), byte(len(entry)))
		data = append(data, entry...)
	}
	return data
}
