"""Markdown as models write it, whole and broken, by name; what a growing answer passes through; whether fences are whole."""

import re
from collections.abc import Iterator

CODE = "\n".join(f"    total += price[{n}] * amount[{n}]  # line {n}" for n in range(400))
NESTED = """\
# Returns and **refunds**

You can *return* an item within **30 days, even `opened` ones, at [any shop](https://shop.example/find?near=you)**.

1. Find the order number
   - in the mail we sent, or
   - under ***My orders***:

     ```python
     print(order.number)
     ```
2. Print the label
   > It must be ~~readable~~ **scannable**.
3. Hand it in

---

Anything else?
"""

SAMPLES: dict[str, str] = {
    "plain": "Hello! How can I help you today?",
    "blank lines": "\n\n  \nFirst.\n\n\n\nSecond, after four line ends.\n\n",
    "only white space": " \n\t\n ",
    "nested": NESTED,
    "headings": (
        "# One\n\n## Two `code`\n### Three ###\n#### Four\n##### **Five**\n\nSix\n===\nSeven and\neight\n---\n#\n####### no\n"
    ),
    "styles": (
        "**bold** *it* __b__ _i_ ***both*** ~~gone~~ **a *b* ~~c~~ d** *a **b** c* **bold`code`bold** snake_case_word 2*3*4"
    ),
    "touching styles": "**a****b** *a**b*** **a**_b_~~c~~`d`**e**",
    "unclosed fence": "Do this:\n\n```sh\nfrontdesk run\nand then",
    "unclosed fence in a list": "- Do this:\n  ```sh\n  frontdesk run\n  and then",
    "half a fence": "Text\n\n``",
    "stray marks": "5 * 3 ** 2 _ ~~ ` [ ]( ![ ** *a _b **c ~~d `e [f](",
    "half links": "See [the page](https://exam and [other] and [x]( and ![pic](http://a.b/c and <https://x.",
    "links": (
        "[site](https://example.com) [port](http://a.example:8080/x) <https://auto.example/a?b=c#d> https://bare.example\n"
        "[tg](tg://resolve?domain=frontdesk) [mention](tg://user?id=42) [mail](mailto:help@example.com) <help@example.com>\n"
        "[script](javascript:alert(1)) [data](data:text/html,x) [relative](/docs/a) [part](#top) [local](http://localhost:3000)\n"
        "[odd](http://) [odder](http://a.b:99999/) [user](https://me:pw@a.example) [six](http://[::1]/) [sp](<http://a.b/c d>)\n"
        "[](https://empty.example) [a [b] c](https://n.example) [`code`](https://c.example) **[bold](https://b.example)**\n"
        "[reference][1], [collapsed][], [shortcut] ![image](https://i.example/p.png) ![](https://i.example/q.png) ![x](y.png)\n"
        "[![badge](https://b.example/b.svg)](https://ci.example)\n\n"
        '[1]: https://ref.example\n[collapsed]: https://c.example "Title"\n[shortcut]: /rel\n'
    ),
    "sources": "It opens at nine [1].\n\n[2]: https://spare.example\n[^3]: Smith\n[4]: <> 'unused'\n",
    "only definitions": "[a]: http://a.example\n[a]: http://b.example\n[b]: c",
    "CJK": (
        "# 退货说明\n\n您可以在**三十天**内*退货*。请先找到订单号\uff01\n\n1. 打开`我的订单`\n2. 选择「退货」\n\n"
        "| 项目 | 价格 |\n|---|---|\n| 书 | 30元 |\n"
    ),
    "emoji": (
        "**👩‍👩‍👧‍👦 family** 🇩🇪🇫🇷 *👍🏽* `🏳️‍🌈` 1️⃣ ~~👨🏿‍🚀~~ [🎉](https://e.example) \U0001f600**\U0001f600**\U0001f600\n"
        "\n> 🇺🇳 **🫱🏻‍🫲🏿**\n"
    ),
    "right to left": (
        "# שלום\n\nמרחבא **مرحبا** بك في *المتجر* `code` ثم [رابط](https://e.example/ع).\n\n1. أولا؟\n2. ثانيا\n\n"
        "\u200fמע\u05d5רב mixed \u202etext\u202c\n"
    ),
    "combining": "e\u0301 **e\u0301e\u0301** Z\u0351\u036b\u0343 *a\u030a\u0333b* \u0333\u033f `\u030a`\n",
    "tables": (
        "Prices:\n\n| Item | Price | Note |\n|:-----|:---:|---:|\n| **Book** | 12 € | `new`<br>used |\n"
        "| 漢字 | 3 | [see](https://t.example) |\n"
        "| \\| pipe | | ![i](https://i.example/x.png) |\n\n"
        "> | q | r |\n> |---|---|\n> | 1 | 2 |\n\n- | l |\n  |---|\n  | 3 |\n\n| a |\n|---|\n"
    ),
    "half a table": "| Item | Price |\n|---",
    "long code": (
        f"Here it is:\n\n```python\ndef total(price, amount):\n    total = 0\n{CODE}\n    return total\n```\n\nThat is all.\n"
    ),
    "code marks in code": (
        "````md\n```py\nx\n```\n````\n\n~~~\n``` ~~ **no**\n~~~\n\n``a ` b``\n\n    indented **no**\n\n- x\n\n"
        "      indented in a list\n"
    ),
    "empty code": "```\n```\n\n```py\n\n```\n\n` `\n",
    "tabs in code": "```go\nfunc main() {\n\tif x {\n\t\treturn\n\t}\n}\n```\n",
    "long word": "A word: " + "donaudampfschiff" * 650 + " ends.",
    "long link": "Read [this](https://example.com/" + "a" * 3000 + ") now, or [that](https://example.com/" + "b" * 1000 + ").",
    "long line": "This sentence is said again and again. " * 120,
    "long list": "\n".join(f"{n}. Item *{n}* of the list, with **bold** words" for n in range(1, 151)),
    "long nested list": "\n".join(f"- Item {n}\n    - inner {n}\n        1. innermost `{n}`" for n in range(60)),
    "many styles": " ".join(f"**b{n}** *i{n}* `c{n}`" for n in range(90)),
    "many links": " ".join(f"[l{n}](https://example.com/{'p' * 300}/{n})" for n in range(60)),
    "quotes with code": (
        "> As you said:\n>\n> ```js\n> let a = 1;\n>\n> let b = `2`;\n> ```\n>\n> > nested **quote** with `code`\n"
        "> - list\n\nAfter.\n> lazy\ncontinued\n"
    ),
    "long quoted code": "> Look:\n>\n> ~~~sql\n"
    + "\n".join(f"> SELECT {n} FROM orders;" for n in range(60))
    + "\n> ~~~\n\nDone.",
    "long code in a list": "1. First\n2. Then\n\n   ```toml\n"
    + "\n".join(f"   key_{n} = {n}\n     sub = 1" for n in range(60))
    + "\n   ```\n\n3. Last",
    "LaTeX": (
        "The energy $E = mc^2$ and \\(a_1 * b_1 * c_1\\), then\n\n$$\\int_0^1 x^2 \\, dx = \\frac{1}{3}$$\n\n"
        "\\[ \\sum_{i=1}^{n} x_i \\]\n\nIt costs $5 or $10.49 (~$11.20), *really*.\n"
    ),
    "HTML": (
        "<div class='x'>\n<b>bold</b>\n</div>\n\ntext <i>i</i> <br> <br/> <!-- note --> &lt;b&gt; &amp; "
        "&nbsp;&#x202e;&copy;\n\n<script>alert(1)</script>\n\n<details><summary>More</summary>\n\n**inside**\n\n"
        "</details>\n"
    ),
    "mentions": "@everyone @here <@123> <@&456> <#789> @admin /start #tag **@everyone** [@x](https://x.example)\n",
    "control characters": "a\x00b\x07c\x1b[31m **d\x0b** \r\n`e\x1f`\re\u2028f \ud800 \udfff \ufeff\n",
    "invisible": "\u200b\u2060\u00a0",
    "lists": (
        "- a\n- b\n\n  more of b\n- [ ] open\n- [x] done\n+ other\n\n"
        "3. three\n4. four\n   * deep\n     * deeper\n-\n- \n1) paren\n"
    ),
    "rules": "a\n\n***\nb\n\n___\n- - -\n> ---\n",
    "mixed": NESTED
    + "\n```\n"
    + "x" * 300
    + "\n```\n\n"
    + "漢字" * 120
    + "\n\n"
    + "**word** " * 60
    + "👩‍👧 " * 60
    + "\n"
    + "- item\n" * 40,
}

FENCE = re.compile(r"^(?:[ \t>]|[-*+](?=[ \t])|\d+[.)](?=[ \t]))*(`{3,}|~{3,})(.*)$")
# what random texts are put together from
_PIECES = (
    "\n¦\n\n¦ ¦  ¦    ¦\t¦\r¦\r\n¦- ¦1. ¦> ¦# ¦#### ¦`¦```¦```py\n¦~~~¦*¦**¦_¦~~¦[¦](¦)¦![¦[a]: ¦[x] ¦[a](https://b.c)¦http://a.b"
    "¦tg://user?id=1¦<¦<b>¦<!--¦&amp;¦&#0;¦|¦|-|¦---¦===¦$¦\\¦:¦=¦. ¦a¦word¦x¦é¦e\u0301¦漢字。¦👩\u200d👧¦\U0001f600¦ع¦\u202e"
    "¦\u0333¦\x00¦\ud800¦\u200b¦xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
)
PIECES = tuple(_PIECES.split("¦"))


def every_prefix(text: str, step: int = 1) -> Iterator[str]:
    """What a growing answer shows: the text up to every `step`th character, and the whole."""
    yield from (text[:end] for end in range(0, len(text), step))
    yield text


def balanced(markdown: str) -> bool:
    """Whether each fence is closed, reading line by line as CommonMark does; containers count as indentation."""
    run = ""
    for line in markdown.split("\n"):
        if not (found := FENCE.match(line)):
            continue
        if not run:
            run = found[1] if found[1][0] == "~" or "`" not in found[2] else ""
        elif found[1].startswith(run) and not found[2].strip():
            run = ""
    return not run
