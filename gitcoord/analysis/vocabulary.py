"""The closed lists of words that reading a question rests on."""

from __future__ import annotations

_STOP_WORDS = """
a about above after again against all almost also although always am among an and another any
anybody anyone anything are aren't as at away back be became because become been before being
below between both but by came can can't cannot cause caused causes come could couldn't did didn't
do does doesn't doing don't done down due during each either else even ever every everyone
everything few find finds first for from further get gets getting give gives go goes going got had
hadn't happen happened happening happens has hasn't have haven't having he hello help her here
hers hi him his how however i i'd i'll i'm i've if in instead into is isn't it it'll its itself
just keep keeps kind know let lets like made make makes many may maybe me might mine more most
much must my myself need needs neither never no nobody none nor not nothing now of off often ok on
once one ones only onto or other others otherwise our ours out over own per perhaps please quite
rather really reason said same saw say says see seem seems seen shall she should shouldn't since
so some somebody somehow someone something sometimes somewhere soon still such sure take takes
tell than thank thanks that the their them themselves then there these they they're thing things
this those though through thus to together too took toward towards try trying under until up upon
us use used uses using very via want wants was wasn't way we we're well went were weren't what
whatever when whenever where wherever whether which while who whoever whole whom whose why will
with within without won't would wouldn't yes yet you your yours
"""

_EXTENSIONS = """
asm astro bash bat bazel bib bzl c cc cfg cjs clj cljs cmake cmd conf cpp cs csproj css csv cts cu
cxx dart ejs el env erb erl ex exs f90 fish fs gd go gql gradle graphql groovy h haml hbs hcl hh
hpp hrl hs htm html hxx ini ipynb j2 java jinja jl js json json5 jsonl jsx kt kts less lisp lock
log lua m4 md mdx mjs mk ml mli mm mod mts nim nix npmrc pas patch php pl plist pm po properties
proto ps1 pug py pyi pyx r rb rkt rs rst sass sbt scala scm scss sh sln sol sql styl sum sv svelte
svg swift tcl tex tf tfvars toml ts tsv tsx twig txt v vb vhd vim vue wasm xml xsd xsl yaml yml
zig zsh
"""

_FILE_NAMES = """
BUILD.bazel Brewfile CODEOWNERS Containerfile Dockerfile Gemfile Jenkinsfile Justfile Makefile
Podfile Procfile Rakefile Vagrantfile go.mod go.sum justfile
"""

_PRODUCTS = """
a.m angular.js backbone.js chart.js d3.js devops dynamodb e.g ebay ember.js express.js fastapi
github gitlab graphql i.e ios ipados iphone javascript linkedin macos mongodb mysql next.js
node.js nosql nuxt.js oauth openai p.m paypal postgresql react.js sqlite three.js typescript u.s
vs.code vscode vue.js websocket websockets wifi youtube
"""

# Words of questions that say nothing of what is asked.
STOP_WORDS = frozenset(_STOP_WORDS.split())
# Extensions that make a name a file's name without a folder before it.
EXTENSIONS = frozenset(_EXTENSIONS.split())
# Files known by their whole name.
FILE_NAMES = frozenset(_FILE_NAMES.split())
# Names that look like code or files and are prose.
PRODUCTS = frozenset(_PRODUCTS.split())
