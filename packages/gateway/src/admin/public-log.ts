import { join } from 'node:path'
import {
  parseTilePath,
  TILE_WIDTH,
  type TilePath,
  TlogError,
  tileWidthAt,
  treeSize,
} from '@countersign/tlog'
import { diskErrorCode } from '../platform/index.ts'
import { problem } from './problem.ts'
import type { AdminParts } from './route.ts'

const PREFIX = '/log/'
const TEXT = 'text/plain; charset=utf-8'
const BYTES = 'application/octet-stream'
const VKEYS_BYTES_MAX = 65_536
const TILE_BYTES_MAX = TILE_WIDTH * 32
const BUNDLE_BYTES_MAX = TILE_WIDTH * (2 + 65_535)

/** A checkpoint is the newest for a second; what a tile holds under one never changes. */
const BRIEFLY = 'public, max-age=1'
const FOREVER = 'public, max-age=31536000, immutable'

/**
 * Serves the log directory as C2SP tlog-tiles describe it: exactly those paths, as they are written
 * there, and of the tiles only what the published checkpoint covers. A tile beyond it may still
 * turn out otherwise after a crash, and would then stand in somebody's cache for a year.
 */
export async function serveLog(request: Request, parts: AdminParts): Promise<Response> {
  const path = new URL(request.url).pathname.slice(PREFIX.length)
  const published = parts.published()
  if (published === undefined) return missing()
  if (path === 'checkpoint') return found(encoder.encode(published.note), TEXT, BRIEFLY)
  if (path === 'vkeys') return serveFile(parts, path, VKEYS_BYTES_MAX, TEXT, BRIEFLY)
  const tile = coveredTile(path, published.size)
  if (tile === undefined) return missing()
  const bytesMax = tile.kind === 'entries' ? BUNDLE_BYTES_MAX : TILE_BYTES_MAX
  return serveFile(parts, path, bytesMax, BYTES, FOREVER)
}

const encoder = new TextEncoder()

function coveredTile(path: string, size: number): TilePath | undefined {
  try {
    const tile = parseTilePath(path)
    const level = tile.kind === 'entries' ? 0 : tile.level
    return tile.width <= tileWidthAt(treeSize(size), level, tile.index) ? tile : undefined
  } catch (error) {
    if (error instanceof TlogError && error.code === 'TLOG_TILE_PATH') return undefined
    throw error
  }
}

async function serveFile(
  { disk, logDirectory }: AdminParts,
  path: string,
  bytesMax: number,
  type: string,
  caching: string,
): Promise<Response> {
  try {
    return found(await disk.read(join(logDirectory, path), bytesMax), type, caching)
  } catch (error) {
    if (diskErrorCode(error) === 'DISK_NOT_FOUND') return missing()
    throw error
  }
}

function found(bytes: Uint8Array, type: string, caching: string): Response {
  return new Response(Uint8Array.from(bytes), {
    headers: {
      'content-type': type,
      'content-length': String(bytes.length),
      'cache-control': caching,
      'access-control-allow-origin': '*',
    },
  })
}

/** Not cached: what is missing now may be published in a second. */
function missing(): Response {
  return problem(404, 'No such file in the log', { 'access-control-allow-origin': '*' })
}
