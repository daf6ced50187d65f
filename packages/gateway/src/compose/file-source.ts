import { watch } from 'node:fs'
import { basename, dirname } from 'node:path'
import { type FileSource, KEYS_FILE_BYTES_MAX } from '../identity/index.ts'
import { readNamed } from './read-config.ts'

/** A file that is followed. The directory is watched: a rename replaces the file itself. */
export function fileSource(file: string): FileSource {
  return {
    read: async () => {
      const bytes = await readNamed(file, KEYS_FILE_BYTES_MAX)
      return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    },
    watch: (changed) => {
      const watcher = watch(dirname(file), { persistent: false }, (_event, name) => {
        if (name === null || name === basename(file)) changed()
      })
      // Watching is a courtesy, the store polls as well: a watch that breaks is let go.
      watcher.on('error', () => watcher.close())
      return () => watcher.close()
    },
  }
}
