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

// ConfigName is the file name of lint's configuration.
const ConfigName = ".msgctl.yaml"

// ConfigError says that the configuration cannot be read or is not valid.
type ConfigError struct {
	// Unread is set if the file cannot be read; otherwise its content is not valid.
	Unread bool
	Err    error
}

// Error implements error.
func (e *ConfigError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *ConfigError) Unwrap() error { return e.Err }

// ReadConfig reads a configuration, which open opens. With an empty name it reads the nearest one,
// from the working directory up to the root of the repository; if there is none, the configuration
// is empty. The error is a *ConfigError.
func ReadConfig(name string, open func(name string) (fs.File, error)) (lint.Config, error) {
	if name == "" {
		if name = nearestConfig(); name == "" {
			return lint.Config{}, nil
		}
	}
	file, err := open(name)
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
