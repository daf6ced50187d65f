/** So many stay as they are: most bodies have fewer. */
const PIECES_KEPT = 64
/** From here on a piece weighs little beside its bytes. */
const PIECE_BYTES_ENOUGH = 4096
const PIECE_BYTES_POOLED = 512

/**
 * Adds what has come to what waits. A piece costs a hundred bytes and more beside its own: a body
 * in chunks of one byte would weigh a hundred times what its limit says. Beyond a few they are
 * joined as a counter carries, so that each byte is copied a few times at most.
 */
export function addPiece(pieces: Uint8Array[], piece: Uint8Array): void {
  pieces.push(piece)
  while (pieces.length > PIECES_KEPT) {
    const [former, last] = pieces.slice(-2)
    if (former === undefined || last === undefined) return
    if (former.length > last.length || former.length > PIECE_BYTES_ENOUGH) return
    pieces.splice(-2, 2, joinTwo(former, last))
  }
}

/** A small part of Node's pool would keep all of it alive. */
function joinTwo(former: Uint8Array, last: Uint8Array): Uint8Array {
  const bytes = former.length + last.length
  const joined =
    bytes < PIECE_BYTES_POOLED ? Buffer.allocUnsafe(bytes) : Buffer.allocUnsafeSlow(bytes)
  joined.set(former)
  joined.set(last, former.length)
  return joined
}
