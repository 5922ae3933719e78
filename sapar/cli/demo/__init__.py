"""`sapar demo`: the whole product on one machine, driven by simulated or recorded buses."""
