"""Each guard of the answer cache by examples: what it holds apart, and what it lets through (SPEC G3)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yaoki.systems.chat.answer_cache.guards import GUARDS, disagreement, leans_on_what_was_said
from yaoki.systems.chat.answer_cache.question import read
from yaoki.systems.chat.answer_cache.similarity import likeness, may_share_an_answer

APART = [
    # denied or not
    ("same_negation", "Why does my thread stop?", "Why doesn't my thread stop?"),
    ("same_negation", "Can a lock be released twice?", "Can't a lock be released twice?"),
    ("same_negation", "Does join block with a timeout?", "Does join never block with a timeout?"),
    ("same_negation", "How do I open a file with a context manager?", "How do I open a file without a context manager?"),
    ("same_negation", "リストに値がある場合", "リストに値がない場合"),
    ("same_negation", "例外を無視するには", "例外を無視しないようにするには"),
    # numbers
    ("same_numbers", "What is new in Python 3.11?", "What is new in Python 3.12?"),
    ("same_numbers", "What does HTTP 404 mean?", "What does HTTP 403 mean?"),
    ("same_numbers", "How do I merge two dicts?", "How do I merge three dicts?"),
    ("same_numbers", "10進数を表示するには", "16進数を表示するには"),
    # identifiers, quoted code, operators
    ("same_names", "What does json.dump do?", "What does json.dumps do?"),
    ("same_names", "How does os.path.join work?", "How does os.path.split work?"),
    ("same_names", "What is `is`?", "What is `in`?"),
    ("same_names", "What does == compare?", "What does != compare?"),
    ("same_names", "What does a // b give?", "What does a / b give?"),
    ("same_names", "What is __enter__ for?", "What is __exit__ for?"),
    ("same_names", "What does the with statement do?", "What does the for statement do?"),
    ("same_names", "json.loadの使い方", "json.loadsの使い方"),
    ("same_names", "What does json.dump do?", "What does json dumps do?"),
    ("same_names", "What does len() do?", "What does min() do?"),
    ("same_negation", "When does a finally block run?", "When does a finally block fail to run?"),
    ("same_negation", "How do I print with a newline?", "How do I print with no newline?"),
    # what is asked
    ("same_intent", "How do I close a socket?", "Why do I close a socket?"),
    ("same_intent", "How do I close a socket?", "When do I close a socket?"),
    ("same_intent", "How do I close a socket?", "Should I close a socket?"),
    ("same_intent", "How long does a lock wait?", "How does a lock wait?"),
    # direction
    ("same_direction", "How do I convert a string to bytes?", "How do I convert bytes to a string?"),
    ("same_direction", "convert from string to bytes", "convert from bytes to string"),
    ("same_direction", "convert a string to bytes", "convert a string from bytes"),
    ("same_direction", "convert a bytes object to a string", "convert a string to a bytes object"),
    ("same_direction", "turn a list of tuples into a dict", "turn a dict into a list of tuples"),
    ("same_direction", "How do I sort a list of dicts?", "How do I sort a dict of lists?"),
    ("same_direction", "check whether a list is in a dict", "check whether a dict is in a list"),
    ("same_direction", "Is a list faster than a tuple?", "Is a tuple faster than a list?"),
    ("same_direction", "replace tabs with spaces", "replace spaces with tabs"),
    ("same_direction", "find a list that contains a dict", "find a dict that contains a list"),
    ("same_direction", "Can a thread start a process?", "Can a process start a thread?"),
    ("same_direction", "Is an int a float?", "Is a float an int?"),
    ("same_direction", "What happens if a parent kills its child?", "What happens if a child kills its parent?"),
    ("same_direction", "文字列をバイト列に変換するには", "バイト列を文字列に変換するには"),
    ("same_direction", "ローカル時刻からUTC時刻へ変換", "UTC時刻からローカル時刻へ変換"),
    # what excludes each other
    ("no_opposites", "How do I turn buffering on?", "How do I turn buffering off?"),
    ("no_opposites", "How do I enable the cache?", "How do I disable the cache?"),
    ("no_opposites", "get the first item of a list", "get the last item of a list"),
    ("no_opposites", "What is the median of a list?", "What is the mean of a list?"),
    ("no_opposites", "What are mutable types?", "What are immutable types?"),
    ("no_opposites", "How do I escape HTML?", "How do I unescape HTML?"),
    ("no_opposites", "loop over the keys of a dict", "loop over the values of a dict"),
    ("no_opposites", "serve a page over http", "serve a page over https"),
    ("no_opposites", "find all matches of a regular expression", "find the first match of a regular expression"),
    ("no_opposites", "check if a file is missing", "check if a file exists"),
    ("no_opposites", "sort from largest to smallest", "sort from smallest to largest"),
    ("no_opposites", "How do I put a task in a queue?", "How do I take a task from a queue?"),
    ("no_opposites", "キャッシュを有効にするには", "キャッシュを無効にするには"),
    ("no_opposites", "同期処理の書き方", "非同期処理の書き方"),
    # another subject
    ("same_subject", "How do I sort a list?", "How do I sort a list in place?"),
    ("same_subject", "How do I shuffle a list?", "How do I slice a list?"),
    ("same_subject", "How do I delete a list?", "How do I delete an element of a list?"),
    ("same_subject", "How do I sort a dict?", "How do I sort a dict by value?"),
    ("same_subject", "リストをまとめるには", "リストをわけるには"),
    ("same_subject", "sort a list of strings by length", "sort a list of strings alphabetically"),
    ("same_subject", "What does a timeout mean?", "What is the mean of a timeout?"),
    ("same_subject", "wait for 5 seconds in a thread", "wait for 5 seconds in a loop"),
    ("same_script", "asyncio timeout", "asyncio タイムアウト"),
]

TOGETHER = [
    ("How do I delete a file?", "What is the best way to remove a file in Python?"),
    ("How do I merge two dicts?", "How can I combine 2 dictionaries?"),
    ("How do I convert a string to an integer?", "How can I turn str into int?"),
    ("How do I read a file line by line?", "Please tell me how to read files line by line"),
    ("How do I find the length of a list?", "How can I get the number of items in a list?"),
    ("Is it possible to run two tasks at once?", "How do I run 2 tasks concurrently?"),
    ("What happens when I divide by zero?", "What happens if I divide by zero?"),
    ("Which function sorts a list?", "How do I get a sorted list?"),
    ("What does yield do?", "What is the yield keyword for?"),
    ("What does the with statement do?", "Explain the with statement"),
    ("Why isn't my list sorted?", "Why is my list not sorted?"),
    ("What does asyncio.gather do?", "what is asyncio.gather() for"),
    ("How do I wait for a thread to finish?", "block until a thread is done"),
    ("What is the difference between a list and a tuple?", "list vs tuple, how do they differ"),
    ("How do I pick an item of a list at random?", "get a random element from a list"),
    ("How do I read an environment variable?", "get the value of an environment variable"),
    ("What does len() return?", "what does len return"),
    ("What does asyncio.gather do?", "What does the gather of asyncio do?"),
    ("How do I serialise an object?", "serialize an object"),
    ("How do I sort a list in descending order?", "sort a list from largest to smallest"),
    ("How do I know whether a string is empty?", "check if a string is empty"),
    ("How do I tell whether a file does not exist?", "check if a file is missing"),
    ("asyncio: how do I run two tasks at once?", "How do I run two tasks at once in asyncio?"),
    ("How do I start a new thread in Python 3?", "How do I start a thread?"),
    ("removal of duplicates from a list", "dedupe a list"),
    ("リストを逆順に並べ替えるには？", "リストを逆順に並べ替える方法を教えてください"),
    ("辞書を結合するにはどうすればいいですか", "辞書を結合する方法は？"),
    ("例外を教えてください", "例外を教えてもらえませんか"),
]

questions = st.lists(
    st.sampled_from(
        """how do i convert a list to from of in with without not don't two 3 3.11 json.dump `x` == string bytes first last on off why
        when should mutable immutable リスト を に から 変換 しない 非同期 同期 ? . - and""".split()
    )
    | st.text(max_size=6),
    max_size=12,
).map(" ".join)


@pytest.mark.parametrize(("guard", "one", "other"), APART)
def test_a_guard_holds_two_questions_apart(guard: str, one: str, other: str) -> None:
    """SPEC G3: never the answer to an opposite question, nor to one about something else; by the guard that is meant to see it."""
    assert not next(each for each in GUARDS if each.__name__ == guard)(read(one), read(other))
    assert not may_share_an_answer(read(one), read(other), 1.0)


@pytest.mark.parametrize(("one", "other"), TOGETHER)
def test_other_words_for_the_same_question(one: str, other: str) -> None:
    """No guard is in the way of a question in other words, and their words alone are alike enough."""
    assert disagreement(read(one), read(other)) is None
    assert may_share_an_answer(read(one), read(other))


@given(questions, questions)
def test_guards_are_symmetric(one: str, other: str) -> None:
    """It does not matter which of two questions was asked first."""
    first, second = read(one), read(other)

    assert [guard(first, second) for guard in GUARDS] == [guard(second, first) for guard in GUARDS]
    assert likeness(first, second) == likeness(second, first)


@given(questions)
def test_a_question_is_like_itself(question: str) -> None:
    """No guard holds a question apart from itself, whatever stands in it."""
    assert disagreement(read(question), read(question)) is None
    assert may_share_an_answer(read(question), read(question))


@pytest.mark.parametrize(
    ("question", "leans"),
    [
        ("And the other one?", True),
        ("How do I do that in reverse?", True),
        ("and for tuples?", True),
        ("それはなぜですか", True),
        ("Why?", True),
        ("How do I sort a list?", False),
        ("What does the with statement do?", False),
        ("リストの並べ替え方", False),
    ],
)
def test_what_leans_on_the_conversation(question: str, leans: bool) -> None:
    """A question that points back is understood only in its conversation."""
    assert leans_on_what_was_said(read(question)) is leans
