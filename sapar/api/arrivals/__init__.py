"""When the bus comes: the timetable by stop, the tick's predictions by stop, and both as one board.

`index` and `decode` make arrays once per version and per tick, beside the event loop; `board` puts
them together for one stop, pure and in well under a millisecond; `answers` says it in JSON.
"""
