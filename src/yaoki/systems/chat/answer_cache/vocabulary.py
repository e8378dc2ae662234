"""The words by which two questions are compared: what means the same, what excludes each other, and what says nothing (SPEC G3).

Written for questions about programming, in English and Japanese. English words are compared by their stems.
"""

from __future__ import annotations

import re
from typing import Final

from yaoki.systems.chat.segmentation.words import stem

__all__ = [
    "ADDS_LITTLE",
    "BACKWARDS",
    "CANONICAL",
    "FILLER",
    "JAPANESE_FILLER",
    "LIGHT",
    "NEGLIGIBLE",
    "NUMBER_WORDS",
    "OPPOSITES",
    "RELATIONS",
    "STANDS_FOR",
    "SYMMETRIC",
    "canonical",
]

# One line, one meaning; the first word stands for all. Words of different lines of _EXCLUDING never share a line here.
_SYNONYMS = """
    remove delete drop eliminate discard erase strip trim rid
    make made create build built construct generate produce implement
    search locate lookup seek
    get find found obtain retrieve fetch grab compute calculate determine
    check test verify detect
    convert conversion turn transform translate change cast
    join concatenate concat combine merge
    split divide separate
    sort order arrange
    dict dictionary dictionaries mapping
    string str text
    integer int
    float floating
    bool boolean
    directory folder dir
    duplicate repeated repetition double dupe
    element item entry member
    start begin launch spawn
    finish complete
    stop quit exit halt terminate kill cancel abort
    keep preserve maintain retain
    run ran execute
    print display show
    function func
    argument arg parameter param option
    exception error
    raise throw thrown
    catch handle
    copy clone
    iterate loop traverse walk
    invoke call
    count number amount frequency frequencies
    random randomly
    empty blank
    parse interpret
    replace substitute
    swap exchange
    limit restrict cap
    wait await
    big large huge
    small tiny little
    quick fast rapid
    concurrent simultaneous parallel
    async asynchronous
    sync synchronous
    length size
    whitespace space
    define declare
    every each all
    log logging
    environment env
    variable var
    command cmd
    path pathname filepath
    several multiple many various
    nested nest
    reverse backwards reversed
    unique distinct
    max maximum biggest largest greatest highest
    min minimum smallest lowest
    mean average
    whole entire
    url link
    config configuration configure setup
    difference differ distinguish distinction
    exist existence exists
    temporary temp tmp
    subclass derive inherit
    happen occur occurrence appear
    character char letter
    write written wrote save store persist
    send sent
    duration elapsed
    pause sleep delay
    set specify provide assign
    read load
    reuse recycle
    flatten unnest
    select pick choose
    ignore suppress swallow
    chunk piece part portion batch segment
    capitalize capital
    traceback backtrace
    compare comparison
    total sum
    index position
    regex regexp
    initialize init
    database db
    repository repo
    documentation docs doc
    subdirectory subdirectories subfolder
    contain contains
    venv virtualenv
    modulo modulus remainder
    indent indentation
    frequent often
    safe safely
"""

# One line, one choice: a question that names one of these is not answered by what is said of another.
_EXCLUDING = """
    on off
    enable disable
    increase decrease
    increment decrement
    allow deny forbid prevent
    first last second third
    first every
    exist missing
    connect disconnect
    attach detach
    succeed fail
    ancestor descendant
    import reload
    commit rollback
    put take
    function coroutine
    subscribe publish
    request response
    forward backward
    min max mean median mode sum variance
    first last middle
    longest shortest
    oldest newest
    earliest latest
    more less
    most least
    greater smaller
    above below
    over under
    up down
    inside outside
    left right
    top bottom
    before after
    next previous
    prefix suffix
    leading trailing
    head tail
    front back
    start stop finish end pause
    open close
    read write append dump
    push pop
    add remove
    insert remove
    append prepend extend
    include exclude
    encode decode
    encrypt decrypt
    compress decompress
    serialize deserialize
    pack unpack
    zip unzip
    lock unlock
    acquire release
    import export
    input output
    send receive
    upload download
    install uninstall
    show hide
    join split
    key value
    row column
    name value
    upper lower
    uppercase lowercase capitalize
    ascending descending
    shallow deep
    mutable immutable
    inclusive exclusive
    public private protected
    local global nonlocal
    absolute relative
    static dynamic
    static class instance
    sync async
    blocking nonblocking
    client server
    parent child
    positive negative
    even odd
    true false
    yes no
    all any none
    always never
    with without
    success failure
    pass fail
    signed unsigned
    ceil floor round truncate
    union intersection symmetric
    tuple list set frozenset dict string bytes integer float bool array deque
    json csv xml yaml toml pickle html ini sqlite
    thread process coroutine task subprocess
    file directory symlink socket
    year month week day hour minute second millisecond microsecond
    tcp udp
    ipv4 ipv6
    http https
    stdin stdout stderr
    linux windows macos
    class function method module package attribute
    utc local
    md5 sha1 sha256 sha512
    get set
    iterator generator iterable
    sum product count
    debug info warning critical
    equal identical
    argument return
    positional keyword
    required optional
    hard soft
    lazy eager greedy
    horizontal vertical
    width height
    stack queue heap
    map filter reduce
    getter setter
    sender receiver
    producer consumer
    binary text
    integer decimal fraction complex
    break continue
    and or
    有効 無効
    増 減
    増加 減少
    許可 禁止 拒否
    最大 最小 平均
    最大値 最小値 平均値 中央値 最頻値
    最初 最後
    先頭 末尾
    昇順 降順
    読 書
    開 閉
    追加 削除
    左 右
    前 後
    上 下
    行 列
    キー 値
    入力 出力
    送信 受信
    同期 非同期
    大文字 小文字
    開始 終了 停止
    始 終
    成功 失敗
    可変 不変
    公開 非公開
    可能 不可能
    暗号化 復号
    圧縮 展開 解凍
    結合 分割
    リスト 辞書 タプル 集合 文字列 バイト列 整数 配列
    スレッド プロセス コルーチン タスク
    クラス 関数 メソッド モジュール
    年 月 週 日 時 分 秒
    オン オフ
"""

_FILLER = """
    a about actually again am an and any anybody are as at available be been being best better but by can clean common could correct
    could did do does doing done don easily easy elegant for from good had has have having help hello hi how i if in into is it
    its itself just kind know like let lot may me might mine my need nice of on one onto or our out please possible
    possibly preferred proper properly pythonic python recommended s same shall should simple simplest simply so some someone
    something standard that the their them then there these they thing this those to try trying us use used using usual
    via want was way we were what which who will with within work would you your yours exactly ideal idiomatic
    thank thanks given existing tell see whether explain describe example snippet tutorial syntax approach technique
    until today over through across along during inside like per certain particular specific now when while where between
"""

NUMBER_WORDS: Final = {
    word: str(value) for value, word in enumerate("two three four five six seven eight nine ten eleven twelve".split(), 2)
} | {"zero": "0", "hundred": "100", "thousand": "1000", "twice": "2"}
"""`one` is no number here: as often as not it is a pronoun."""

JAPANESE_FILLER: Final = frozenset("方法 方 何 教 使 使用 場合 知 中 事 物 人 良 一番 必要 簡単 出来 例 仕方 手順 用".split())

_WHOLE: Final = frozenset({"https"})
"""Words whose ending is no ending."""

_NOUN_ENDINGS: Final = ("ion", "ment", "al")
"""What makes a noun of a verb: `deletion`, `measurement`, `removal`."""

_BRITISH: Final = re.compile(r"(?<=\w{4})is(?=(?:e|es|ed|er|ing|ation)$)")
"""As in `serialise`; what comes of `promise` is no word, and the same for all forms of it."""

CANONICAL: Final = {
    stem(word): stem(line.split()[0]) for line in _SYNONYMS.splitlines() if line.strip() for word in line.split()
}
"""A stem to the stem that stands for all words of its meaning."""


def canonical(word: str) -> str:
    """What stands for a word: the same for every form and spelling of it, and for every word that means the same."""
    stemmed = word if word in _WHOLE else stem(_BRITISH.sub("iz", word))
    if stemmed in CANONICAL:
        return CANONICAL[stemmed]
    verbs = (stemmed.removesuffix(ending) for ending in _NOUN_ENDINGS if stemmed.endswith(ending))
    return next((CANONICAL[verb] for verb in verbs if verb in CANONICAL), stemmed)


RELATIONS: Final = {
    **dict.fromkeys(("to", "into", "onto", "as"), "to"),
    **dict.fromkeys(("in", "inside", "within"), "in"),
    **{each: each for each in "of before after over under than by with without for on against per above below like".split()},
}
"""What stands between two things and tells which is which."""

SYMMETRIC: Final = frozenset({"and", "or", "between", canonical("difference"), canonical("compare")})
"""Beside these it says nothing which of two things is named first."""

BACKWARDS: Final = {"from": "to", canonical("contain"): "in"}
"""What stands for one of them, read backwards."""

FILLER: Final = frozenset(stem(word) for word in _FILLER.split()) | {"running", "existing", "given", "current"}
"""Stems, and some whole words, that make a question out of a subject; and relations, which are compared by themselves."""

NEGLIGIBLE: Final = frozenset(
    canonical(word) for word in "function library code program script builtin get perform purpose".split()
)
"""What says nothing beside two words that do: "which function sorts a list"."""

ADDS_LITTLE: Final = frozenset(
    canonical(word) for word in "every element object method module application type happen new own".split()
)
"""What may be added where the rest, three words or more, is the same: "the items of"."""

LIGHT: Final = frozenset(canonical(word) for word in "want select contain".split())
"""Verbs that only carry a request: "pick an item at random" asks for "a random item"."""

STANDS_FOR: Final = {
    canonical(general): frozenset(canonical(word) for word in special.split())
    for general, special in (("get", "read load access"), ("make", "convert define"))
}
"""A general verb to those that it may stand for where everything else is the same: "get" and "read" an environment variable."""

OPPOSITES: Final = tuple(
    frozenset(canonical(word) for word in line.split()) for line in _EXCLUDING.splitlines() if line.strip()
)
