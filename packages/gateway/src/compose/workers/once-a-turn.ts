/** Runs `run` soon after it was asked for, once for all that asked in one turn. */
export function onceATurn(run: () => void): () => void {
  let isAwaited = false
  return () => {
    if (isAwaited) return
    isAwaited = true
    queueMicrotask(() => {
      isAwaited = false
      run()
    })
  }
}
