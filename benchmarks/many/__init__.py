"""`make bench-many`: what one machine carries, up to the number of microphones whose events come late.

| module      | does                                                                              |
|-------------|-----------------------------------------------------------------------------------|
| `streams`   | composes what the microphones hear, and learns when each event is due             |
| `player`    | plays it into pipes, each piece when its last sample would have been heard        |
| `broker`    | a private Mosquitto, and who takes down what arrives there                        |
| `processes` | starts one monitor a microphone, or one process for all; ends whatever was started |
| `together`  | that one process                                                                  |
| `resources` | asks the kernel for processor time and memory                                     |
| `step`      | one number of microphones, one way: what it cost, and how late events were        |
| `cores`     | keeps the monitors on some cores, and who measures them on the others             |
| `course`    | which numbers are tried, and when it is enough                                    |
| `limit`     | how many were carried, and where to look closer                                   |
| `picture`, `page` | what is written with `--write`                                              |
"""
