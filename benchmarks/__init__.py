"""Side by side with what a person would use in its place, in one run, on one machine.

`works` says what is measured, `data` where its rows come from. Each file of `contenders` is a program that trains: its
own process, its own environment, no import that it does not need. `server` is what they have in common, `process` is
how the measuring side starts and asks them, `rounds` interleaves them, `report` shows and saves. The other measurements
stand on these: `shapes`, `scaling`, `startup`, `calls`, `overhead`, `predictions`, `results`.
"""
