// A composition root of one line: bodies of some length are redacted in a thread of their own.
import { parentPort } from 'node:worker_threads'
import { serveRedaction } from './proxy/capture/redactor.ts'

if (parentPort !== null) serveRedaction(parentPort)
