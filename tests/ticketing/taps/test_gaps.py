"""Gaps in sequence numbers are what was neither received nor voided, in whatever order it came."""

from hypothesis import given
from hypothesis import strategies as st

from sapar.ticketing.taps.gaps import SeqState, join, receive, size, subtract, void

NOTHING = SeqState(None, None, 0, 0)
numbers = st.integers(0, 40)
receiving = st.lists(numbers, min_size=1, max_size=6, unique=True).map(lambda seqs: ("get", seqs))
voiding = st.tuples(numbers, numbers).map(lambda pair: ("void", tuple(sorted(pair))))
stories = st.lists(st.one_of(receiving, voiding), max_size=12)


def play(story):
    """Play a story as the store does: a number is received for the first time once."""
    state = NOTHING
    gaps: list[tuple[int, int]] = []
    voids: list[tuple[int, int]] = []
    received: set[int] = set()
    told: set[int] = set()
    for kind, what in story:
        if kind == "get":
            fresh = set(what) - received
            received |= fresh
            state, gaps = receive(state, gaps, voids, fresh)
        else:
            told |= set(range(what[0], what[1] + 1))
            state, gaps, gone = void(state, gaps, what, voids)
            voids = sorted([*voids, *gone])
    return state, gaps, received, told


@given(stories)
def test_a_number_between_the_first_and_the_last_is_received_voided_or_in_a_gap(story):
    state, gaps, received, told = play(story)
    known = received | told
    if not known:
        assert state == NOTHING
        assert gaps == []
        return
    assert (state.first_seq, state.last_seq) == (min(known), max(known))
    assert state.received == len(received)
    assert state.voided == len(told - received)
    assert gaps == join(set(range(min(known), max(known) + 1)) - known)
    assert state.received + state.voided + size(gaps) == max(known) - min(known) + 1


@given(stories, st.randoms(use_true_random=False))
def test_the_order_of_arrival_does_not_matter(story, random):
    other = list(story)
    random.shuffle(other)
    assert play(story)[:2] == play(other)[:2]


@given(st.sets(numbers), st.sets(numbers))
def test_ranges_are_subtracted_as_sets_are(left, right):
    assert subtract(join(left), join(right)) == join(left - right)
