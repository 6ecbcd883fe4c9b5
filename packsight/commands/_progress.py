from packsight.commands._terminal import bar as bar
