# Ours beside the other SQLite packages for Elixir, in one run.
#
#     mix run run.exs [--quick] [--only NAME,...] [--[no-]write] [--docs FOLDER] [--output FILE]
#
# A whole run writes its tables into docs/performance.md, between the comments that bear the parts'
# names, and its plots into docs/plots. One with --quick or --only does so only with --write.
# --quick only checks that every part runs; its figures mean nothing. --docs names another folder.
# The Markdown goes to the standard output, and to the file if one is given.

{options, [], []} =
  OptionParser.parse(System.argv(),
    strict: [quick: :boolean, only: :string, write: :boolean, docs: :string, output: :string]
  )

Peers.main(options)
