"""Draws a terminal session as SVG: python3 docs/session-to-svg.py < session.txt > docs/two-commands.svg

Lines that begin with "$ " are what was typed. Copy real output only.
"""

import sys
from html import escape

SIZE, LINE, LEFT, TOP = 13, 19, 18, 48

lines = sys.stdin.read().rstrip("\n").split("\n")
width = int(max(len(line) for line in lines) * SIZE * 0.602) + 2 * LEFT
height = TOP + len(lines) * LINE + 6
print(f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img">')
print("<title>A terminal session with Steelyard</title>")
print(f'<rect width="{width}" height="{height}" rx="8" fill="#10151c"/>')
for index, colour in enumerate(("#ff5f57", "#febc2e", "#28c840")):
    print(f'<circle cx="{20 + 18 * index}" cy="18" r="6" fill="{colour}"/>')
font = "ui-monospace,SFMono-Regular,Menlo,Consolas,monospace"
print(f'<g font-family="{font}" font-size="{SIZE}" xml:space="preserve">')
for index, line in enumerate(lines):
    colour = "#7ee787" if line.startswith("$ ") else "#c9d1d9"
    print(f'<text x="{LEFT}" y="{TOP + index * LINE}" fill="{colour}">{escape(line)}</text>')
print("</g></svg>")
