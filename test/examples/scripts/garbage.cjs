// Makes garbage of both ages for so many rounds, so that V8 collects; with a negative number
// it keeps it all, and asks for no collection.
// Usage: garbage.cjs ROUNDS
const rounds = Number(process.argv[2])
const kept = []
for (let round = 0; round < Math.abs(rounds); round++) {
  for (let i = 0; i < 20_000; i++) {
    kept[rounds < 0 ? kept.length : i] = { round, i, text: `${round} ${i}` }
  }
  if (rounds > 0 && round % 10 === 9) globalThis.gc()
}
