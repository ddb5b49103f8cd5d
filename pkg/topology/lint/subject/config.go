package subject

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/msgctl/msgctl/pkg/topology/lint"
)

// ConfigName is the name of the configuration of lint.
const ConfigName = ".msgctl.yaml"

// ConfigError is that the configuration cannot be used.
type ConfigError struct {
	// Unread says that the file cannot be read; else its content is wrong.
	Unread bool
	Err    error
}

// Error implements error.
func (e *ConfigError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *ConfigError) Unwrap() error { return e.Err }

// ReadConfig reads a configuration; with an empty name the nearest one here or above, up to the
// repository's root. None is an empty one. The error is a *ConfigError.
func ReadConfig(name string) (lint.Config, error) {
	if name == "" {
		if name = nearestConfig(); name == "" {
			return lint.Config{}, nil
		}
	}
	file, err := os.Open(name)
	if err != nil {
		return lint.Config{}, &ConfigError{true, fmt.Errorf("read the configuration: %w", err)}
	}
	defer func() { _ = file.Close() }()
	const most = 1 << 20
	data, err := io.ReadAll(io.LimitReader(file, most+1))
	if err != nil {
		return lint.Config{}, &ConfigError{true, fmt.Errorf("read the configuration: %w", err)}
	}
	config, err := lint.ParseConfig(name, data)
	if err != nil {
		return lint.Config{}, &ConfigError{Err: err}
	}
	return config, nil
}

func nearestConfig() string {
	dir, err := os.Getwd()
	if err != nil {
		return ""
	}
	for {
		if name := filepath.Join(dir, ConfigName); exists(name) {
			return name
		}
		up := filepath.Dir(dir)
		if up == dir || exists(filepath.Join(dir, ".git")) {
			return ""
		}
		dir = up
	}
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return !errors.Is(err, fs.ErrNotExist)
}
