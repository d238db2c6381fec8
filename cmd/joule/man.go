package main

import (
	"bytes"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/joule-ml/joule"
	"github.com/joule-ml/joule/internal/atomicfile"
	"github.com/joule-ml/joule/internal/program"
	"github.com/joule-ml/joule/setting"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func (a *app) manCommand() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "man",
		Short: "Write manual pages",
		Long: `Write a manual page for each command into a folder, which is made if it is not
there. man finds them in a folder man1 of its path.`,
		Example: `  joule man --dir ~/.local/share/man/man1 && man joule-train`,
		Args:    atMost(0),
		RunE: func(cmd *cobra.Command, args []string) error {
			if dir == "" {
				return &usageError{"no folder to write to", "name one with --dir"}
			}
			if err := atomicfile.MakeFolder(dir); err != nil {
				return err
			}
			n, err := writeMan(cmd.Root(), dir)
			if err == nil {
				a.screen.line("wrote %s into %s", plural(n, "manual page"), printable(dir))
			}
			return err
		},
	}
	cmd.Flags().StringVar(&dir, "dir", "", "folder to write to")
	return cmd
}

// writeMan writes the pages of cmd and of the commands below it.
func writeMan(cmd *cobra.Command, dir string) (n int, err error) {
	err = atomicfile.Write(filepath.Join(dir, manName(cmd)+".1"), func(w io.Writer) error {
		_, err := w.Write(manPage(cmd))
		return err
	})
	if err != nil {
		return 0, err
	}
	n = 1
	for _, sub := range manned(cmd) {
		k, err := writeMan(sub, dir)
		if err != nil {
			return 0, err
		}
		n += k
	}
	return n, nil
}

// manned lists the commands below cmd that have a page.
func manned(cmd *cobra.Command) (list []*cobra.Command) {
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() && sub.Name() != "help" {
			list = append(list, sub)
		}
	}
	return list
}

func manName(cmd *cobra.Command) string { return strings.ReplaceAll(cmd.CommandPath(), " ", "-") }

// manPage returns the page of cmd in the macros of man(7). Cobra's own
// generator takes the texts for Markdown, which they are not: it would drop
// <name>.
func manPage(cmd *cobra.Command) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, ".TH %s 1 \"\" %s \"Joule Manual\"\n", roffQuote(strings.ToUpper(manName(cmd))), roffQuote("joule "+program.Version()))
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n", roff(manName(cmd)), roff(lowerFirst(cmd.Short)))
	fmt.Fprint(&b, ".SH SYNOPSIS\n")
	use := strings.TrimPrefix(cmd.UseLine(), cmd.CommandPath())
	fmt.Fprintf(&b, "\\fB%s\\fR%s\n", roff(cmd.CommandPath()), roff(use))
	if len(manned(cmd)) > 0 {
		fmt.Fprintf(&b, ".br\n\\fB%s\\fR \\fIcommand\\fR\n", roff(cmd.CommandPath()))
	}
	fmt.Fprint(&b, ".SH DESCRIPTION\n")
	roffText(&b, cmd.Long)
	manCommands(&b, cmd)
	manFlags(&b, "OPTIONS", cmd.NonInheritedFlags())
	manFlags(&b, "COMMON OPTIONS", cmd.InheritedFlags())
	if cmd.Flags().Lookup("set") != nil {
		manSettings(&b)
	}
	if cmd.Example != "" {
		fmt.Fprint(&b, ".SH EXAMPLES\n")
		roffText(&b, cmd.Example)
	}
	if !cmd.HasParent() {
		manExits(&b)
	}
	manSeeAlso(&b, cmd)
	return b.Bytes()
}

// manCommands names the commands below cmd, if there are any.
func manCommands(b *bytes.Buffer, cmd *cobra.Command) {
	subs := manned(cmd)
	if len(subs) == 0 {
		return
	}
	fmt.Fprint(b, ".SH COMMANDS\n")
	for _, sub := range subs {
		fmt.Fprintf(b, ".TP\n\\fB%s\\fR(1)\n%s\n", roff(manName(sub)), roffLine(sub.Short))
	}
}

// manSettings describes every key of the configuration.
func manSettings(b *bytes.Buffer) {
	fmt.Fprint(b, ".SH SETTINGS\nThe keys of \\fB\\-\\-set\\fR and of the file, their defaults and environment variables:\n")
	c := joule.DefaultConfig()
	for _, s := range c.Settings() {
		fmt.Fprintf(b, ".TP\n\\fB%s\\fR=%s (\\fB%s\\fR)\n%s\n", roff(s.Key), roff(s.String()), roff(s.Env()), roffLine(aboutSetting(s)))
	}
}

// manExits lists the exit codes.
func manExits(b *bytes.Buffer) {
	fmt.Fprint(b, ".SH EXIT STATUS\n")
	for _, e := range exitCodes {
		fmt.Fprintf(b, ".TP\n%d\n%s\n", e.code, e.means)
	}
}

// manSeeAlso names the pages above and beside that of cmd or, for the program
// itself, those below.
func manSeeAlso(b *bytes.Buffer, cmd *cobra.Command) {
	var also []string
	top := cmd
	if cmd.HasParent() {
		top = cmd.Parent()
		also = append(also, manName(top))
	}
	for _, sub := range manned(top) {
		if sub != cmd {
			also = append(also, manName(sub))
		}
	}
	fmt.Fprint(b, ".SH SEE ALSO\n")
	for i, name := range also {
		comma := ","
		if i == len(also)-1 {
			comma = ""
		}
		fmt.Fprintf(b, "\\fB%s\\fR(1)%s\n", roff(name), comma)
	}
}

// aboutSetting says what a setting means and, where that does not, what is
// allowed.
func aboutSetting(s setting.Setting) string {
	allowed := s.Allowed()
	if s.Names != nil || allowed == "" {
		return s.About
	}
	return s.About + " [" + allowed + "]"
}

// manFlags describes flags under a heading, if there are any.
func manFlags(b *bytes.Buffer, heading string, flags *pflag.FlagSet) {
	if !flags.HasAvailableFlags() {
		return
	}
	fmt.Fprintf(b, ".SH %s\n", heading)
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Deprecated != "" {
			return
		}
		kind, usage := pflag.UnquoteUsage(f)
		b.WriteString(".TP\n")
		if f.Shorthand != "" {
			fmt.Fprintf(b, "\\fB\\-%s\\fR, ", roff(f.Shorthand))
		}
		fmt.Fprintf(b, "\\fB\\-\\-%s\\fR", roff(f.Name))
		if kind != "" {
			fmt.Fprintf(b, " \\fI%s\\fR", roff(kind))
		}
		switch f.DefValue {
		case "", "0", "false", "[]":
		default:
			usage += fmt.Sprintf(" (default %s)", f.DefValue)
		}
		fmt.Fprintf(b, "\n%s\n", roffLine(usage))
	})
}

// roffText writes paragraphs; lines that begin with blanks stay as they are.
func roffText(b *bytes.Buffer, text string) {
	verbatim, paragraph, begun := false, false, false
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, " \n")
		indented := strings.HasPrefix(line, "  ")
		if indented != verbatim && line != "" {
			if indented {
				if begun {
					b.WriteString(".PP\n")
				}
				b.WriteString(".nf\n.RS\n")
				paragraph = false
			} else {
				b.WriteString(".RE\n.fi\n")
			}
			verbatim = indented
		}
		switch {
		case line == "":
			paragraph = true
			continue
		case paragraph && verbatim:
			b.WriteString(".sp\n")
		case paragraph:
			b.WriteString(".PP\n")
		}
		paragraph, begun = false, true
		b.WriteString(roffLine(strings.TrimPrefix(line, "  ")) + "\n")
	}
	if verbatim {
		b.WriteString(".RE\n.fi\n")
	}
}

// roffEscapes are the characters that roff takes for something else, or
// typesets as something else than what a user types.
var roffEscapes = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`)

// roff writes text within a line.
func roff(text string) string { return roffEscapes.Replace(text) }

// roffLine writes a line of text, which must not look like a command.
func roffLine(text string) string {
	line := roff(text)
	if strings.HasPrefix(line, ".") {
		line = `\&` + line
	}
	return line
}

// roffQuote writes an argument of a macro.
func roffQuote(text string) string { return `"` + strings.ReplaceAll(roff(text), `"`, `\(dq`) + `"` }

// lowerFirst writes a sentence as the second half of one.
func lowerFirst(text string) string {
	if text == "" {
		return ""
	}
	return strings.ToLower(text[:1]) + text[1:]
}
