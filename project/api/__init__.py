"""The one API of this site: how a body is read and every failure answered, who may call, its pages."""
